import { Audit, Authorizer } from '../auth';
import { Access } from './access';
import { AuthorizedDeployments } from './AuthorizedDeployments';
import { AuthorizedEnvironments } from './AuthorizedEnvironments';
import { AuthorizedReleases } from './AuthorizedReleases';
import { AuthorizedServices } from './AuthorizedServices';
import { AuthorizedTargets } from './AuthorizedTargets';
import { DefaultDeployments } from './DefaultDeployments';
import { DefaultEnvironments } from './DefaultEnvironments';
import { DefaultReleases } from './DefaultReleases';
import { DefaultServices } from './DefaultServices';
import { DefaultTargets } from './DefaultTargets';
import { ServiceDependencies } from './dependencies';
import { TargetReader } from './targetReader';
import {
  DeploymentsService,
  EnvironmentsService,
  ReleasesService,
  ServicesService,
  TargetsService,
} from './types';

/** Everything the routers may call; each one decorated. */
export interface ApiServices {
  services: ServicesService;
  releases: ReleasesService;
  deployments: DeploymentsService;
  environments: EnvironmentsService;
  targets: TargetsService;
}

export function createServices(
  deps: ServiceDependencies,
  authorizer: Authorizer,
  audit: Audit,
): ApiServices {
  const targets = new TargetReader(deps);
  if (deps.healthWatch && deps.shutdown) {
    deps.healthWatch.start(row => targets.health(row), deps.shutdown);
  }
  const access = new Access(authorizer, deps.store, deps.environments);
  return {
    services: new AuthorizedServices(
      new DefaultServices(deps, targets),
      access,
    ),
    releases: new AuthorizedReleases(new DefaultReleases(deps), access, audit),
    deployments: new AuthorizedDeployments(
      new DefaultDeployments(deps, targets),
      access,
      audit,
    ),
    environments: new AuthorizedEnvironments(
      new DefaultEnvironments(deps),
      access,
    ),
    targets: new AuthorizedTargets(
      new DefaultTargets(deps, targets),
      access,
      audit,
    ),
  };
}
