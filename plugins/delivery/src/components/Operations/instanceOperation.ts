/** The operation that is about one instance; it is offered beside each of them. */
export const INSTANCE_OPERATION = 'delete-instance';
