export interface Config {
  delivery?: {
    /**
     * Kubernetes. The clusters themselves are described in
     * `kubernetes.clusterLocatorMethods`, as for Backstage's kubernetes plugin;
     * the connection of an environment names one of them.
     */
    kubernetes?: {
      /**
       * Which namespaces services may be deployed to. Every environment of
       * `delivery.environments` whose connection is of the type `kubernetes`
       * has one entry.
       */
      environments?: Array<{
        /** Its name in `delivery.environments`. */
        environment: string;
        /** For every service. Instead of `namespaces`. */
        namespace?: string;
        /** The first entry whose conditions a service meets is taken. */
        namespaces?: Array<{
          namespace: string;
          /** Entity ref of one service: `component:default/checkout`. */
          service?: string;
          /** Services that are part of this system. */
          system?: string;
          /** Services that this group or user owns. */
          owner?: string;
        }>;
      }>;
      /**
       * Where what runs is watched: in all of a cluster (`cluster`, the
       * default), or, where such rights are not given, in the namespaces above.
       */
      watch?: 'cluster' | 'namespaces';
      /**
       * Where the Envoys of a cluster's gateways tell their statistics, so that
       * what each generation really gets is shown and waited for.
       */
      gatewayMetrics?: Array<{
        /** The cluster's name. */
        cluster: string;
        /** One Envoy: `http://10.0.0.1:8002/stats/prometheus`. */
        url: string;
      }>;
      /**
       * What a cluster's gateways can do, where their GatewayClass does not
       * publish it in `status.supportedFeatures`.
       */
      gatewayFeatures?: Array<{
        /** The cluster's name. */
        cluster: string;
        /**
         * They copy a share of the requests (`mirror: 20%`). A gateway that
         * does not know shares takes such a route and copies everything, so
         * it is refused where this is not known. All of them: `mirror: 100%`.
         */
        mirrorShares?: boolean;
      }>;
      /**
       * What manifests of repositories may ask for beyond their own pods:
       * `allow`, `warn` (taken, and told at the deployment) or `block`, which is
       * the default of each.
       */
      policy?: {
        /** Objects that belong to the whole cluster. */
        clusterScoped?: 'allow' | 'warn' | 'block';
        /** Objects in another namespace than the environment's. */
        foreignNamespace?: 'allow' | 'warn' | 'block';
        /** Roles and RoleBindings. */
        rbac?: 'allow' | 'warn' | 'block';
        /** Folders of the node as volumes. */
        hostPath?: 'allow' | 'warn' | 'block';
        /** Ports of the node. */
        hostPorts?: 'allow' | 'warn' | 'block';
        /** Network, processes or IPC of the node. */
        hostNamespaces?: 'allow' | 'warn' | 'block';
        /** Containers with all rights on the node. */
        privileged?: 'allow' | 'warn' | 'block';
        /** Capabilities beyond NET_BIND_SERVICE. */
        addedCapabilities?: 'allow' | 'warn' | 'block';
        /** Services that take traffic for addresses of others. */
        externalIPs?: 'allow' | 'warn' | 'block';
      };
      /**
       * Programs that render manifests. Default: found by PATH when they are
       * needed.
       */
      render?: {
        /** `kustomize` or `kubectl`, with its path. */
        kustomize?: string;
        helm?: string;
      };
      /**
       * For trying out: each context of a kubeconfig is a cluster of that name,
       * and `default` is its current context.
       */
      kubeconfig?: {
        /** Off unless true. */
        enabled?: boolean;
        /** Default: `KUBECONFIG`, else `~/.kube/config`. */
        file?: string;
      };
      /** The cluster whose pod the backend is, with the pod's service account. */
      inCluster?: {
        /** What connections call it. */
        name: string;
      };
    };
  };
  kubernetes?: {
    /** @visibility secret */
    googleServiceAccountCredentials?: string;
    clusterLocatorMethods?: Array<{
      clusters?: Array<{
        /** @visibility secret */
        serviceAccountToken?: string;
        authMetadata?: {
          /**
           * With the authProvider `serviceAccount`: a file with the token,
           * which is read again when it changes.
           */
          tokenFile?: string;
          /** @visibility secret */
          serviceAccountToken?: string;
        };
      }>;
    }>;
  };
}
