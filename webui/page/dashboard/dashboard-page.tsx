/** The first page: what needs a person, what runs, what there is. Each card can be put away. */
import { Button, Card, CardBody, CardHeader, CardTitle, Checkbox, Grid, GridItem, PageSection, Popover } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { machineCountQuery } from '../api/queries';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { FirstSteps } from '../machines/first-steps';
import { ActivityCard, AttentionCard, JobsCard, MachinesCard, MastersCard, RunningCard, SpaceCard } from './cards';
import { useHiddenCards } from './hidden-cards';

const CARDS = [
  { name: 'attention', width: 12, Body: AttentionCard },
  { name: 'running', width: 8, Body: RunningCard },
  { name: 'machines', width: 4, Body: MachinesCard },
  { name: 'jobs', width: 8, Body: JobsCard },
  { name: 'space', width: 4, Body: SpaceCard },
  { name: 'masters', width: 4, Body: MastersCard },
  { name: 'activity', width: 8, Body: ActivityCard },
] as const satisfies readonly { name: string; width: 4 | 6 | 8 | 12; Body: () => ReactNode }[];

/** A new appliance shows its first steps instead. */
export function DashboardPage() {
  const { t } = useLanguage();
  const { isHidden, toggle } = useHiddenCards();
  const machines = useQuery(machineCountQuery({}));
  return (
    <>
      <PageHeading
        title={t('dashboard.title')}
        actions={
          <Popover
            aria-label={t('dashboard.choose')}
            headerContent={t('dashboard.choose')}
            closeBtnAriaLabel={t('action.close')}
            position="bottom-end"
            bodyContent={
              <div className="amorce-card-choice">
                {CARDS.map(({ name }) => (
                  <Checkbox key={name} id={`card-${name}`} label={t(`dashboard.${name}`)} isChecked={!isHidden(name)} onChange={() => toggle(name)} />
                ))}
              </div>
            }
          >
            <Button variant="secondary">{t('dashboard.choose')}</Button>
          </Popover>
        }
      />
      <PageSection hasBodyWrapper={false} isFilled>
        {machines.data === 0 ? (
          <FirstSteps />
        ) : (
          <Grid hasGutter>
            {CARDS.filter(({ name }) => !isHidden(name)).map(({ name, width, Body }) => (
              <GridItem key={name} span={12} lg={width}>
                <Card component="section" isFullHeight isCompact>
                  <CardHeader>
                    <CardTitle component="h2">{t(`dashboard.${name}`)}</CardTitle>
                  </CardHeader>
                  <CardBody>
                    <Body />
                  </CardBody>
                </Card>
              </GridItem>
            ))}
          </Grid>
        )}
      </PageSection>
    </>
  );
}
