/**
 * The ports of Slipway and the OCI layout and registry client.
 *
 * @packageDocumentation
 */
export * from './ports';
export * from './oci';
export * from './renderers';
export * from './registryConfig';
