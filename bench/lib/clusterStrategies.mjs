/** The delivery definitions that the benches on a cluster deploy with. */
export const STRATEGIES = {
  rolling: '{ rolling: { maxSurge: 25%, maxUnavailable: 25% } }',
  canary:
    '{ canary: { steps: [{ weight: 25% }, { weight: 50% }, { weight: 75% }, { weight: 100% }], scaleDownDelay: 0s } }',
  blueGreen: '{ blueGreen: { autoPromoteAfter: 0s, scaleDownDelay: 10s } }',
  halfway:
    '{ canary: { steps: [{ weight: 50% }, { pause: {} }, { weight: 100% }], scaleDownDelay: 0s } }',
};

export const definition = (name, strategy) => `
apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images:
  - { name: app, repository: slipway-test/${name}, build: { context: . } }
defaults: { manifests: { plain: deploy.yaml }, progressDeadline: 120s }
environments:
  - ref: production
    deploy: manual
    strategy: ${strategy}
`;
