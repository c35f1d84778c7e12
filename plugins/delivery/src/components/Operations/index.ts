export { OperationButton } from './OperationButton';
export { OperationSwitch } from './OperationSwitch';
export { INSTANCE_OPERATION } from './instanceOperation';
