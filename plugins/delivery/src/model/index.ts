export * from './target';
export * from './sharesOverTime';
