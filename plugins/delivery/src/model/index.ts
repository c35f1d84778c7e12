export * from './target';
export * from './sharesOverTime';
export * from './causes';
