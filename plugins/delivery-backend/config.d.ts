export interface Config {
  /** The delivery plugin. */
  delivery?: {
    permissions?: {
      /**
       * Allows writes although Backstage's permissions are off
       * (`permission.enabled`). Everybody who can sign in can then deploy.
       */
      allowDisabled?: boolean;
    };
    /**
     * What external callers (Backstage's external access tokens) may do. A
     * subject that is not listed may do nothing.
     */
    machines?: Array<{
      /** The token's subject. */
      subject: string;
      /** Entity refs of services, or `*`. */
      services: string[];
      /** Names of environments, or `*`. Not needed for releases and logs. */
      environments?: string[];
      verbs: Array<
        | 'read'
        | 'logs'
        | 'release'
        | 'release-update'
        | 'deploy'
        | 'promote'
        | 'pause'
        | 'abort'
        | 'retry'
        | 'rollback'
        | 'hold'
        | 'operate'
        | 'take-over'
        | 'give-back'
        /** Of the environments themselves, whatever the services. */
        | 'check'
      >;
    }>;
    /**
     * The registry that images are pushed to and pulled from. Absent: a module
     * brings one, such as the embedded default.
     */
    registry?: {
      /** `https://registry.example.com`, without path and credentials. */
      url: string;
      username?: string;
      /** @visibility secret */
      password?: string;
    };
    /** The environments of the platform, in promotion order. */
    environments?: Array<{
      /** Lower case; what delivery.yaml calls `ref`. */
      name: string;
      title?: string;
      /** For example `staging` or `production`; permissions can ask for it. */
      tier: string;
      connection: {
        /** A type that an installed module offers. */
        type: string;
        name: string;
      };
      /** Whether releases may start deployments on their own. */
      automation?: boolean;
      /** What happens to a deployment while another one is active. */
      queue?: 'queue' | 'supersede' | 'reject';
      /**
       * What is done when others have changed what was deployed. `tell`
       * (default): it is shown, with who did it. `repair`: what stands in the
       * plan is written again, at most three times within an hour.
       */
      drift?: 'tell' | 'repair';
      /** What blocks a release; repositories can only add to it. */
      policy?: {
        block?: Array<{
          severity: 'critical' | 'high' | 'medium' | 'low' | 'unknown';
          fixable?: boolean;
        }>;
      };
    }>;
    /** What is kept. */
    retention?: {
      /** Ended deployments of each target that are always kept; default 20. */
      keepPerTarget?: number;
      /** Nothing younger is deleted; default 14. */
      keepDays?: number;
    };
    /** Where releases are made; default: a folder in the system's temporary folder. */
    workDirectory?: string;
    streams?: {
      /**
       * How many event streams each user or machine may have open in one backend;
       * default 8. The tabs of one browser share a stream. More are answered
       * with 429.
       */
      perUser?: number;
    };
    api?: {
      /** Checks our own answers by the OpenAPI document; for development. */
      validateResponses?: boolean;
    };
  };
}
