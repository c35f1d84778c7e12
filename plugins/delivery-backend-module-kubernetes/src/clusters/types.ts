/** Where a cluster was described. */
export type ClusterSource = 'config' | 'catalog' | 'kubeconfig' | 'in-cluster';

/** How the backend signs in, without any user being there. */
export type ClusterAuth =
  | { provider: 'none' }
  /** Read anew for each request: configuration can change. */
  | { provider: 'token'; read: () => string | undefined }
  | { provider: 'tokenFile'; file: string }
  | {
      provider: 'aws';
      /** What the token is made out to; `x-k8s-aws-id`. */
      clusterId: string;
      region?: string;
      assumeRole?: string;
      externalId?: string;
    }
  | { provider: 'googleServiceAccount'; readKey: () => string | undefined }
  | { provider: 'azure' };

/** A cluster as the platform, or the catalog, describes it. */
export interface ClusterDetails {
  name: string;
  source: ClusterSource;
  /** Of its API server. */
  url: string;
  auth: ClusterAuth;
  /** Base64 of PEM, as kubeconfigs have it. */
  caData?: string;
  caFile?: string;
  skipTLSVerify?: boolean;
  /** Only public addresses may be connected to. */
  publicOnly?: boolean;
}
