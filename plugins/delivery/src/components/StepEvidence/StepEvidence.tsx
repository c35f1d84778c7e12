import Typography from '@material-ui/core/Typography';
import {
  DeploymentDetail,
  MeasurementsView,
  StepState,
  deliveryTargetReadPermission,
} from '@slipway/backstage-plugin-delivery-common';
import { describeStep } from '../../format';
import { Resource } from '../../hooks';
import { useDeliveryTranslation } from '../../translation';
import { PartState } from '../PartState';
import { ReasonFacts } from '../Reasons';
import { AnalysisEvidence } from './AnalysisEvidence';

/** Why the chosen step went as it did. */
export function StepEvidence(props: {
  step: StepState;
  detail: DeploymentDetail;
  measurements: Resource<MeasurementsView>;
  /** What the page has said already, not to say it twice. */
  said?: string;
}) {
  const { step, detail, measurements, said } = props;
  const t = useDeliveryTranslation();
  const rollout = detail.deployment.rollout;
  // A failing background analysis is the evidence of the step it stopped.
  const background = rollout?.analyses
    .filter(run => run.placement === 'background')
    .map(run => run.id);
  const ids = [
    ...(step.analysisId ? [step.analysisId] : []),
    ...(step.status === 'failed' || step.status === 'active'
      ? background ?? []
      : []),
  ];
  return (
    <section aria-live="off">
      <Typography variant="h6" component="h3">
        {t('deployment.evidence', {
          step: String(step.index + 1),
          what: describeStep(t, step.step),
        })}
      </Typography>
      {step.reason && step.reason.message !== said && (
        <>
          <Typography variant="body1">{step.reason.message}</Typography>
          <ReasonFacts reason={step.reason} />
        </>
      )}
      {ids.length === 0 ? (
        <Typography variant="body2">{t('deployment.noEvidence')}</Typography>
      ) : (
        <PartState
          resource={measurements}
          what={t('lists.measurements')}
          permission={deliveryTargetReadPermission.name}
        >
          {view => {
            const verdicts = [...view.verdicts, ...detail.verdicts];
            const shown = ids.flatMap(id => {
              const verdict = verdicts.find(it => it.analysisId === id);
              return verdict ? [verdict] : [];
            });
            return shown.length === 0 ? (
              <Typography variant="body2">
                {t('deployment.chart.none')}
              </Typography>
            ) : (
              shown.map(verdict => (
                <AnalysisEvidence
                  key={verdict.analysisId}
                  verdict={verdict}
                  measurements={view.measurements}
                  said={[said, step.reason?.message]}
                />
              ))
            );
          }}
        </PartState>
      )}
    </section>
  );
}
