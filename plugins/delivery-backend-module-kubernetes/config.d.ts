export interface Config {
  delivery?: {
    kubernetes?: {};
  };
}
