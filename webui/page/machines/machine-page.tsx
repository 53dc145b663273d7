/** One machine: what it is, what is on its disks, what was done with it. */
import {
  Alert,
  Button,
  Card,
  CardBody,
  CardTitle,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
  Grid,
  GridItem,
  Label,
  PageSection,
  Tab,
  Tabs,
  TabTitleText,
} from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { machineQuery } from '../api/queries';
import type { Machine } from '../api/types';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { Moment } from '../layout/moment';
import { Loading, Problem } from '../layout/state';
import { CurrentJob } from './current-job';
import { Disk } from './disk-picture';
import { MachineJobs } from './machine-jobs';
import { MachineStateLabel } from './machine-state';
import { isUnnamed, machineModel } from './machine-text';
import { MachineMenu } from '../menus/machine-menu';
import { NameMachine } from './name-machine';
import { BootTimeline } from './record/boot-timeline';
import { RecordActions } from './record/record-actions';
import { RecordHistory } from './record/record-history';

const TABS = ['overview', 'jobs', 'boots', 'menu', 'history'] as const;

/** The page of one machine. */
export function MachinePage() {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const { id = '' } = useParams();
  const { data: machine, error, isError, refetch } = useQuery(machineQuery(id));
  const [naming, setNaming] = useState(false);
  const [said, setSaid] = useState('');
  const [words, setWords] = useSearchParams();
  const tab = TABS.find((each) => each === words.get('tab')) ?? 'overview';
  const parent = { to: '/machines', label: t('machines.title') };
  if (machine === undefined) {
    return isError ? (
      <>
        <PageHeading title={t('machine.title')} parent={parent} />
        <PageSection hasBodyWrapper={false}>
          <Problem error={error} retry={() => void refetch()} />
        </PageSection>
      </>
    ) : (
      <Loading />
    );
  }
  const warnings = [...machine.warnings, ...machine.facts.warnings];
  return (
    <>
      <PageHeading
        title={machine.label}
        parent={parent}
        about={machineModel(machine)}
        labels={<MachineStateLabel machine={machine} />}
        actions={
          <span className="amorce-buttons">
            <Button variant="primary" onClick={() => void navigate(`/restore?machines=${machine.id}`)}>
              {t('action.restore')}
            </Button>
            <Button variant="secondary" onClick={() => void navigate(`/capture?machine=${machine.id}`)}>
              {t('action.capture')}
            </Button>
            {isUnnamed(machine) && (
              <Button variant="secondary" onClick={() => setNaming(true)}>
                {t('name.button')}
              </Button>
            )}
            <RecordActions machine={machine} onRename={() => setNaming(true)} onSaid={setSaid} />
          </span>
        }
      />
      <PageSection hasBodyWrapper={false} isFilled>
        {said !== '' && <Alert variant="info" isInline isPlain className="amorce-alert" title={said} />}
        <Tabs
          activeKey={tab}
          onSelect={(_, key) => setWords(key === 'overview' ? {} : { tab: String(key) }, { replace: true })}
          aria-label={t('machine.tabs')}
          className="amorce-tabs"
        >
          {TABS.map((each) => (
            <Tab key={each} eventKey={each} title={<TabTitleText>{t(`machine.tab.${each}`)}</TabTitleText>} tabContentId={`machine-${each}`} />
          ))}
        </Tabs>
        <section id={`machine-${tab}`} role="tabpanel" aria-label={t(`machine.tab.${tab}`)} tabIndex={0} className="amorce-tab-panel">
        {tab === 'jobs' && <MachineJobs machine={machine} />}
        {tab === 'boots' && <BootTimeline machine={machine} />}
        {tab === 'history' && <RecordHistory machine={machine} />}
        {tab === 'menu' && <MachineMenu machine={machine} />}
        {tab === 'overview' && (
        <Grid hasGutter>
          {machine.note !== '' && (
            <GridItem span={12}>
              <p className="amorce-note">{machine.note}</p>
            </GridItem>
          )}
          {warnings.length > 0 && (
            <GridItem span={12}>
              <Alert variant="warning" isInline title={t('machine.warnings-title', { count: warnings.length })}>
                {warnings.map((warning) => (
                  <p key={warning}>{warning}</p>
                ))}
              </Alert>
            </GridItem>
          )}
          {machine.job !== undefined && machine.job !== null && (
            <GridItem span={12}>
              <CurrentJob machine={machine} />
            </GridItem>
          )}
          <GridItem lg={7} span={12}>
            <Disks machine={machine} />
          </GridItem>
          <GridItem lg={5} span={12}>
            <Facts machine={machine} />
          </GridItem>
        </Grid>
        )}
        </section>
      </PageSection>
      {naming && <NameMachine machine={machine} onClose={() => setNaming(false)} />}
    </>
  );
}

function Disks({ machine }: { machine: Machine }) {
  const { t } = useLanguage();
  const { disks } = machine.facts;
  return (
    <Card>
      <CardTitle component="h2">{t('machine.disks')}</CardTitle>
      <CardBody>
        {disks.length === 0 && <p>{t('machine.no-disk-about')}</p>}
        {disks.map((disk) => (
          <Disk key={disk.name} disk={disk} />
        ))}
      </CardBody>
    </Card>
  );
}

function Facts({ machine }: { machine: Machine }) {
  const { t, format } = useLanguage();
  const { facts } = machine;
  const { smbios } = facts;
  return (
    <Card>
      <CardTitle component="h2">{t('machine.facts')}</CardTitle>
      <CardBody>
        <DescriptionList isCompact>
          <Fact name={t('machine.firmware')}>{t(`firmware.${facts.firmware}`)}</Fact>
          <Fact name={t('machine.cpu')}>
            {facts.cpu !== '' && t('machine.cpu-count', { cpu: facts.cpu, count: facts.cpu_count })}
          </Fact>
          <Fact name={t('machine.memory')}>{facts.memory > 0 && format.bytes(facts.memory)}</Fact>
          <Fact name={t('machine.bios')}>{smbios.bios}</Fact>
          <Fact name={t('machine.serial')}>{smbios.serial}</Fact>
          <Fact name={t('machine.board-serial')}>{smbios.board_serial}</Fact>
          <Fact name={t('machine.uuid')}>
            {smbios.uuid !== undefined && smbios.uuid !== null && <span className="amorce-code">{smbios.uuid}</span>}
          </Fact>
          <Fact name={t('machine.adapters')}>
            {facts.nics.length > 0 &&
              facts.nics.map((nic) => (
                <div key={nic.mac} className="amorce-nic">
                  <span className="amorce-code">{nic.mac}</span> <span className="amorce-quiet">{nic.driver}</span>{' '}
                  {nic.booted && (
                    <Label isCompact color="blue">
                      {t('nic.booted')}
                    </Label>
                  )}{' '}
                  {!nic.link && <Label isCompact>{t('nic.no-link')}</Label>}{' '}
                  {nic.usb && <Label isCompact>{t('nic.usb')}</Label>}
                </div>
              ))}
          </Fact>
          <Fact name={t('machine.first-seen')}>
            <Moment at={machine.first_seen_at} />
          </Fact>
          <Fact name={t('machine.last-seen')}>
            <Moment at={machine.last_seen_at} />
          </Fact>
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

/** One fact; nothing where the machine says nothing. */
function Fact({ name, children }: { name: string; children: ReactNode }) {
  if (children === '' || children === false || children === null || children === undefined) return null;
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{name}</DescriptionListTerm>
      <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
  );
}
