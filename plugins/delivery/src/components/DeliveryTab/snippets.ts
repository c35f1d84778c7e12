/** What a component carries so that it has a Delivery tab. */
export const ANNOTATION_SNIPPET = `metadata:
  annotations:
    slipway.dev/definition: delivery.yaml
`;

/** A first definition, to copy. */
export const FIRST_DEFINITION = `apiVersion: delivery.slipway.dev/v1alpha1
kind: Delivery
images:
  - name: app
    repository: my-team/my-service
    build: { context: . }
defaults: { manifests: { plain: deploy } }
environments:
  - { ref: staging, deploy: automatic, strategy: { rolling: {} } }
`;
