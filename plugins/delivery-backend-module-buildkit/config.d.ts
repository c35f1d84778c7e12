import { HumanDuration } from '@backstage/types';

export interface Config {
  delivery?: {
    /**
     * Builds Dockerfiles with BuildKit, through its client `buildctl`. Off
     * unless this section is there.
     */
    buildkit?: {
      /**
       * Of buildkitd: `unix:///run/buildkit/buildkitd.sock` or
       * `tcp://buildkitd.build:1234`. Default: `$BUILDKIT_HOST`.
       */
      address?: string;
      /** The client. Default: `buildctl`, found by PATH. */
      binary?: string;
      /** Files for TLS with a buildkitd that is reached by tcp. */
      tls?: {
        caFile: string;
        certFile?: string;
        keyFile?: string;
        serverName?: string;
      };
      /** `linux/amd64`. Default: that of buildkitd. */
      platform?: string;
      /** One build takes no longer. Default: 30 minutes. */
      timeout?: string | HumanDuration;
      /** An image is no bigger, all layers together. Default: 5 GB. */
      maxBytes?: number;
      /**
       * Hosts of registries that base images may be pulled from besides the
       * platform's own. Anything else, also over http and git, is denied by
       * BuildKit itself. Default: none.
       */
      registries?: string[];
      /**
       * Builders are asked in descending order whether they build it; the
       * embedded one has 0. Default: 10.
       */
      priority?: number;
    };
  };
}
