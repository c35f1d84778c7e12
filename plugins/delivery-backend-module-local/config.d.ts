export interface Config {
  delivery?: {
    /**
     * The embedded default: builds, scans, stores and runs on this machine.
     * It isolates nothing, and is refused when NODE_ENV is `production`.
     */
    local?: {
      /** Off unless true. */
      enabled?: boolean;
      /**
       * Everything it keeps, relative to the backend's working directory.
       * Default: `.slipway` in the repository's root.
       */
      dataDirectory?: string;
      registry?: {
        /** Default: a free one, which is kept. */
        port?: number;
      };
      /**
       * A folder of advisories in the OSV format. Default: `advisories` in the
       * data directory.
       */
      advisories?: string;
      git?: {
        /**
         * Folders below which git repositories may lie. Default:
         * `repositories` in the data directory.
         */
        roots?: string[];
        /** `host` or `host:port` of remote git repositories. Default: none. */
        hosts?: string[];
      };
      /** Hosts of npm tarballs besides the configured registry. */
      packageHosts?: string[];
      /**
       * Example traffic that a service begins with, so that an analysis has
       * something to measure. People can switch it off and on for each
       * service.
       */
      traffic?: Array<{
        /** Entity ref of the service: `component:default/checkout`. */
        service: string;
        /** Default: every environment. */
        environment?: string;
        /** Default: true. */
        on?: boolean;
        /** Default: 10. */
        requestsPerSecond?: number;
        /** Default: `/`. */
        path?: string;
      }>;
    };
  };
}
