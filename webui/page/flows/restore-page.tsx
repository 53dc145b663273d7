/** Restore: which machines, which master, what stands against it, and a person's word before disks are erased. */
import {
  Alert,
  Button,
  Form,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  PageSection,
  TextInput,
} from '@patternfly/react-core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { machineQuery, mastersQuery } from '../api/queries';
import type { DiskFacts, Machine, MasterVersion, NewJob, ReadBack } from '../api/types';
import { useLanguage } from '../language/language';
import { PageHeading } from '../layout/heading';
import { Loading, Problem } from '../layout/state';
import { diskKey } from '../machines/machine-text';
import { useCreateJob } from './create-job';
import { useDraft } from './draft';
import { MachinePicker } from './machine-picker';
import { MasterChoice } from './master-choice';
import { restoreRemarks } from './preflight';
import { RestoreTargets } from './restore-targets';
import { FlowSection } from './section';

interface Draft {
  title: string;
  readBack: ReadBack;
  after: 'reboot' | 'power-off';
  /** The disk that a person named, if the job has one machine. */
  disk: string;
}

const START: Draft = { title: '', readBack: 'full', after: 'reboot', disk: '' };

/** One machine or a room of thirty: the same flow. */
export function RestorePage() {
  const { t } = useLanguage();
  const navigate = useNavigate();
  const [words, setWords] = useSearchParams();
  const ids = (words.get('machines') ?? '').split(',').filter((id) => id !== '');
  const queries = useQueries({ queries: ids.map((id) => machineQuery(id)) });
  const masters = useQuery(mastersQuery);
  const [draft, setDraft, forget] = useDraft<Draft>('restore', START);
  const [typed, setTyped] = useState('');
  const [adding, setAdding] = useState(false);
  const create = useCreateJob(forget);

  const machines = queries.flatMap((query) => (query.data === undefined ? [] : [query.data]));
  const failed = queries.find((query) => query.isError);
  const version = findVersion(masters.data?.items.flatMap((master) => master.versions) ?? [], words);
  const named = machines.length === 1 ? namedDisk(machines[0], draft.disk) : null;
  const checked = machines.map((machine) => ({ machine, remarks: restoreRemarks(machine, version, named) }));
  const stopped = checked.filter(({ remarks }) => remarks.some((remark) => remark.weight === 'stop'));
  const ready = version !== null && machines.length === ids.length && ids.length > 0 && stopped.length === 0;
  const confirmed = typed.trim() === String(ids.length);

  const setMachines = (next: string[]) => {
    setTyped('');
    setWords(
      (old) => {
        const changed = new URLSearchParams(old);
        if (next.length === 0) changed.delete('machines');
        else changed.set('machines', next.join(','));
        return changed;
      },
      { replace: true },
    );
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (version === null || !ready || !confirmed) return;
    const job: NewJob = {
      title: draft.title.trim() === '' ? null : draft.title.trim(),
      machines: ids,
      steps: [
        {
          kind: 'restore',
          disk: named?.identity ?? null,
          master: { name: version.name, version: version.version },
          read_back: draft.readBack,
        },
        { kind: draft.after },
      ],
    };
    create.mutate(job);
  };

  return (
    <>
      <PageHeading title={t('restore.title')} about={t('restore.about')} />
      <PageSection hasBodyWrapper={false} isFilled>
        <Form onSubmit={submit} className="amorce-flow" noValidate>
          <FlowSection number={1} title={t('restore.master')}>
            <MasterChoice
              version={version}
              onChoose={(chosen) =>
                setWords(
                  (old) => {
                    const changed = new URLSearchParams(old);
                    changed.set('master', chosen.name);
                    changed.set('version', String(chosen.version));
                    return changed;
                  },
                  { replace: true },
                )
              }
            />
          </FlowSection>
          <FlowSection number={2} title={t('restore.machines')}>
            {queries.some((query) => query.isPending) && <Loading />}
            {failed !== undefined && <Problem error={failed.error} retry={() => void failed.refetch()} />}
            {checked.length > 0 && (
              <RestoreTargets
                checked={checked}
                named={named}
                onName={(disk) => setDraft({ ...draft, disk: disk === null ? '' : diskKey(disk) })}
                onRemove={(gone) => setMachines(ids.filter((id) => !gone.includes(id)))}
              />
            )}
            {adding || ids.length === 0 ? (
              <MachinePicker taken={ids} onTake={(machine) => setMachines([...ids, machine.id])} />
            ) : (
              <Button variant="link" onClick={() => setAdding(true)}>
                {t('restore.add-machines')}
              </Button>
            )}
          </FlowSection>
          <FlowSection number={3} title={t('restore.options')}>
            <Options draft={draft} setDraft={setDraft} />
          </FlowSection>
          <FlowSection number={4} title={t('restore.confirm')}>
            {!ready && <p className="amorce-quiet">{whatLacks(version, ids, stopped.length)}</p>}
            {ready && (
              <>
                <Alert
                  variant="warning"
                  isInline
                  className="amorce-alert"
                  title={t('restore.erases', { count: ids.length })}
                >
                  {t('restore.erases-about', { master: version.name, version: version.version })}
                </Alert>
                <FormGroup label={t('restore.type-count', { count: ids.length })} fieldId="restore-count">
                  <TextInput
                    id="restore-count"
                    className="amorce-count-field"
                    inputMode="numeric"
                    autoComplete="off"
                    value={typed}
                    onChange={(_, value) => setTyped(value)}
                    validated={typed === '' ? 'default' : confirmed ? 'success' : 'error'}
                  />
                  {typed !== '' && !confirmed && (
                    <FormHelperText>
                      <HelperText aria-live="polite">
                        <HelperTextItem variant="error">{t('restore.count-wrong', { count: ids.length })}</HelperTextItem>
                      </HelperText>
                    </FormHelperText>
                  )}
                </FormGroup>
              </>
            )}
            {create.isError && <Problem error={create.error} />}
            <div className="amorce-flow-end">
              <Button
                type="submit"
                variant="danger"
                isLoading={create.isPending}
                isDisabled={create.isPending || !ready || !confirmed}
              >
                {t('restore.start', { count: Math.max(ids.length, 1) })}
              </Button>
              <Button variant="link" onClick={() => void navigate(-1)}>
                {t('action.cancel')}
              </Button>
            </div>
          </FlowSection>
        </Form>
      </PageSection>
    </>
  );

  function whatLacks(chosen: MasterVersion | null, wanted: string[], stops: number): string {
    if (chosen === null) return t('restore.lacks-master');
    if (wanted.length === 0) return t('restore.lacks-machine');
    if (stops > 0) return t('restore.lacks-remedy', { count: stops });
    return t('state.loading');
  }
}

function Options({ draft, setDraft }: { draft: Draft; setDraft: (draft: Draft) => void }) {
  const { t } = useLanguage();
  return (
    <div className="amorce-options">
      <FormGroup label={t('restore.read-back')} fieldId="restore-read-back">
        <FormSelect
          id="restore-read-back"
          value={draft.readBack}
          onChange={(_, value) => setDraft({ ...draft, readBack: value as ReadBack })}
        >
          {(['full', 'sample', 'off'] as const).map((choice) => (
            <FormSelectOption key={choice} value={choice} label={t(`restore.read-back.${choice}`)} />
          ))}
        </FormSelect>
      </FormGroup>
      <FormGroup label={t('restore.after')} fieldId="restore-after">
        <FormSelect
          id="restore-after"
          value={draft.after}
          onChange={(_, value) => setDraft({ ...draft, after: value as Draft['after'] })}
        >
          {(['reboot', 'power-off'] as const).map((choice) => (
            <FormSelectOption key={choice} value={choice} label={t(`restore.after.${choice}`)} />
          ))}
        </FormSelect>
      </FormGroup>
      <FormGroup label={t('restore.name')} fieldId="restore-name">
        <TextInput
          id="restore-name"
          value={draft.title}
          maxLength={200}
          autoComplete="off"
          placeholder={t('restore.name-help')}
          onChange={(_, value) => setDraft({ ...draft, title: value })}
        />
      </FormGroup>
    </div>
  );
}

function findVersion(versions: MasterVersion[], words: URLSearchParams): MasterVersion | null {
  const [name, number] = [words.get('master'), Number(words.get('version'))];
  return versions.find((version) => version.name === name && version.version === number) ?? null;
}

function namedDisk(machine: Machine | undefined, key: string): DiskFacts | null {
  return machine?.facts.disks.find((disk) => diskKey(disk) === key) ?? null;
}
