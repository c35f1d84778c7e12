export * from './BackLine';
