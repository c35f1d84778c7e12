export * from './verbIds';
export * from './verbStates';
export * from './describeVerb';
export * from './predict';
export * from './newKey';
export * from './useTargetVerbs';
