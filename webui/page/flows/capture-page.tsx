/** Capture: which machine, which disk, under which name. */
import {
  Button,
  Checkbox,
  Form,
  FormGroup,
  FormHelperText,
  HelperText,
  HelperTextItem,
  PageSection,
  Radio,
  TextInput,
} from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { machineQuery, mastersQuery } from '../api/queries';
import type { NewJob } from '../api/types';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { Loading, Problem } from '../layout/state';
import { Disk } from '../machines/disk-picture';
import { candidateDisks, diskKey, machineModel } from '../machines/machine-text';
import type { CaptureOption } from '../machines/disk-contents';
import { CaptureOptions } from './capture-options';
import { useCreateJob } from './create-job';
import { useDraft } from './draft';
import { MachinePicker } from './machine-picker';
import { masterNameFault } from './master-name';
import { captureOptions, captureRemarks } from './preflight';
import { Remarks } from './remarks';
import { FlowSection } from './section';

interface Draft {
  disk: string;
  master: string;
  /** What was ticked for the disk; a draft of an earlier page has none. */
  options?: CaptureOption[];
  /** What the disk does not give becomes zeros. */
  keepUnreadable?: boolean;
}

/** The flow, on one page: a phone scrolls it. */
export function CapturePage() {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const [words, setWords] = useSearchParams();
  const machineId = words.get('machine') ?? '';
  const machine = useQuery({ ...machineQuery(machineId), enabled: machineId !== '' });
  const masters = useQuery(mastersQuery);
  const [draft, setDraft, forget] = useDraft<Draft>(`capture.${machineId}`, { disk: '', master: words.get('master') ?? '' });
  const [tried, setTried] = useState(false);
  const create = useCreateJob(forget);

  const data = machineId === '' ? undefined : machine.data;
  const disks = data?.facts.disks ?? [];
  const candidates = data === undefined ? [] : candidateDisks(data);
  const named = disks.find((disk) => diskKey(disk) === draft.disk) ?? null;
  const offered = data === undefined ? [] : captureOptions(data, named);
  // What was ticked is forgotten when it no longer helps: the machine came back, and Windows was shut down.
  const chosen = offered.filter((option) => draft.options?.includes(option) === true);
  const remarks = data === undefined ? [] : captureRemarks(data, named, chosen);
  const stopped = remarks.some((remark) => remark.weight === 'stop');
  const name = draft.master.trim();
  const fault = masterNameFault(name);
  const existing = masters.data?.items.find((master) => master.name === name && master.versions.length > 0);
  const next = (existing?.versions[0]?.version ?? 0) + 1;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (fault !== null) {
      document.getElementById('capture-master')?.focus();
      return;
    }
    const job: NewJob = {
      machines: [machineId],
      steps: [
        {
          kind: 'capture',
          master: name,
          disk: named?.identity ?? null,
          as_raw: chosen.includes('as-raw'),
          drop_hibernation: chosen.includes('drop-hibernation'),
          keep_unreadable: draft.keepUnreadable === true,
        },
      ],
    };
    create.mutate(job);
  };

  return (
    <>
      <PageHeading title={t('capture.title')} about={t('capture.about')} />
      <PageSection hasBodyWrapper={false} isFilled>
        <Form onSubmit={submit} className="amorce-flow" noValidate>
          <FlowSection number={1} title={t('capture.machine')}>
            {machineId === '' && (
              <MachinePicker
                taken={[]}
                onTake={(taken) => setWords((old) => new URLSearchParams([...old, ['machine', taken.id]]))}
              />
            )}
            {machineId !== '' && machine.isPending && <Loading />}
            {machine.isError && <Problem error={machine.error} retry={() => void machine.refetch()} />}
            {data !== undefined && (
              <div className="amorce-chosen">
                <span>
                  <span className="amorce-strong">{data.label}</span> <span className="amorce-quiet">{machineModel(data)}</span>
                </span>
                <Button
                  variant="link"
                  isInline
                  onClick={() =>
                    setWords((old) => {
                      const without = new URLSearchParams(old);
                      without.delete('machine');
                      return without;
                    })
                  }
                >
                  {t('capture.other-machine')}
                </Button>
              </div>
            )}
            {data !== undefined && <Remarks remarks={remarks} />}
            <CaptureOptions offered={offered} chosen={chosen} choose={(options) => setDraft({ ...draft, options })} />
          </FlowSection>
          {data !== undefined && disks.length > 0 && (
            <FlowSection number={2} title={t('capture.disk')}>
              {candidates.length === 1 && named === null && candidates[0] !== undefined && disks.length === 1 ? (
                <Disk disk={candidates[0]} />
              ) : (
                <div role="radiogroup" aria-label={t('capture.disk')} className="amorce-radios">
                  <Radio
                    id="capture-disk-auto"
                    name="capture-disk"
                    isChecked={named === null}
                    onChange={() => setDraft({ ...draft, disk: '', options: [] })}
                    label={candidates.length === 1 ? t('flow.disk-only') : t('flow.disk-later')}
                  />
                  {disks.map((disk) => (
                    <Radio
                      key={diskKey(disk)}
                      id={`capture-disk-${disk.name}`}
                      name="capture-disk"
                      isChecked={diskKey(disk) === draft.disk}
                      onChange={() => setDraft({ ...draft, disk: diskKey(disk), options: [] })}
                      label={t('disk.name', { name: disk.name })}
                      body={<Disk disk={disk} />}
                    />
                  ))}
                </div>
              )}
            </FlowSection>
          )}
          {data !== undefined && (
            <FlowSection number={3} title={t('capture.master')}>
              <FormGroup label={t('capture.name')} isRequired fieldId="capture-master">
                <TextInput
                  id="capture-master"
                  value={draft.master}
                  onChange={(_, value) => setDraft({ ...draft, master: value })}
                  isRequired
                  autoComplete="off"
                  maxLength={100}
                  list="capture-masters"
                  validated={tried && fault !== null ? 'error' : 'default'}
                  aria-describedby="capture-master-help"
                />
                <datalist id="capture-masters">
                  {masters.data?.items.map((master) => <option key={master.name} value={master.name} />)}
                </datalist>
                <FormHelperText>
                  <HelperText id="capture-master-help" aria-live="polite">
                    {tried && fault !== null ? (
                      <HelperTextItem variant="error">{t(`master-name.${fault}`)}</HelperTextItem>
                    ) : (
                      <HelperTextItem>
                        {existing === undefined ? t('capture.name-help') : t('capture.new-version', { name, version: next })}
                      </HelperTextItem>
                    )}
                  </HelperText>
                </FormHelperText>
              </FormGroup>
              <Checkbox
                id="capture-keep-unreadable"
                label={t('capture.keep-unreadable')}
                description={t('capture.keep-unreadable.about')}
                isChecked={draft.keepUnreadable === true}
                onChange={(_, ticked) => setDraft({ ...draft, keepUnreadable: ticked })}
              />
            </FlowSection>
          )}
          {create.isError && <Problem error={create.error} />}
          {data !== undefined && (
            <div className="amorce-flow-end">
              <Button type="submit" variant="primary" isLoading={create.isPending} isDisabled={create.isPending || stopped}>
                {t('capture.start')}
              </Button>
              <Button variant="link" onClick={() => void navigate(-1)}>
                {t('action.cancel')}
              </Button>
              <span className="amorce-quiet">{data.connected ? t('flow.starts-now') : t('flow.starts-at-boot')}</span>
            </div>
          )}
        </Form>
      </PageSection>
    </>
  );
}
