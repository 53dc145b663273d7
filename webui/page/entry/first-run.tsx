/** The first page of a new appliance: its first administrator. */
import { ActionGroup, Button, Form } from '@patternfly/react-core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Navigate, useNavigate } from 'react-router';
import { ask } from '../api/client';
import { sessionQuery, setupQuery } from '../api/queries';
import type { FirstAdministrator, LogIn, Session } from '../api/types';
import { useLanguage } from '../language/language';
import { Loading, Problem } from '../layout/state';
import { EntryField } from './field';
import { EntryFrame } from './frame';
import { oneTimeCode } from './one-time-code';

const PASSWORD_MIN_LEN = 12;

/** Makes the first administrator and logs them in. */
export function FirstRunPage() {
  const { t } = useLanguage();
  const client = useQueryClient();
  const navigate = useNavigate();
  const setup = useQuery(setupQuery);
  const [code, setCode] = useState(oneTimeCode);
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [tried, setTried] = useState(false);
  const codeCarried = oneTimeCode() !== '';

  const create = useMutation({
    mutationFn: async () => {
      const first: FirstAdministrator = { code: code.trim(), name: name.trim(), password };
      await ask('/setup', { method: 'POST', body: first });
      try {
        return await ask<Session>('/session');
      } catch {
        const logIn: LogIn = { name: first.name, password };
        return await ask<Session>('/sessions', { method: 'POST', body: logIn });
      }
    },
    onSuccess: (session) => {
      client.setQueryData(setupQuery.queryKey, (old) => old && { ...old, needs_first_administrator: false });
      client.setQueryData(sessionQuery.queryKey, session);
      void navigate('/machines', { replace: true });
    },
  });

  if (create.isSuccess) return <Navigate to="/machines" replace />;
  if (setup.isPending) return <Loading />;
  if (setup.isError) {
    return (
      <main className="amorce-alone">
        <Problem error={setup.error} retry={() => void setup.refetch()} />
      </main>
    );
  }
  if (!setup.data.needs_first_administrator) return <Navigate to="/machines" replace />;

  const wrong = {
    code: code.trim() === '',
    name: name.trim() === '',
    password: [...password].length < PASSWORD_MIN_LEN,
    again: again !== password,
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    const first = (['code', 'name', 'password', 'again'] as const).find((field) => wrong[field]);
    if (first === undefined) create.mutate();
    else document.getElementById(`first-${first}`)?.focus();
  };

  return (
    <EntryFrame title={t('first.title')} about={t('first.about')}>
      <Form onSubmit={submit} noValidate>
        {create.isError && <Problem error={create.error} />}
        <EntryField
          id="first-code"
          label={t('first.code')}
          marked
          value={code}
          onChange={setCode}
          autoComplete="off"
          autoFocus={!codeCarried}
          wrong={tried && wrong.code}
          help={codeCarried ? t('first.code-carried') : t('first.code-help')}
        />
        <EntryField
          id="first-name"
          label={t('login.name')}
          marked
          value={name}
          onChange={setName}
          autoComplete="username"
          maxLength={64}
          autoFocus={codeCarried}
          wrong={tried && wrong.name}
          help={t('first.name-help')}
        />
        <EntryField
          id="first-password"
          type="password"
          label={t('login.password')}
          marked
          value={password}
          onChange={setPassword}
          autoComplete="new-password"
          maxLength={256}
          wrong={tried && wrong.password}
          help={t('first.password-help', { count: PASSWORD_MIN_LEN })}
        />
        <EntryField
          id="first-again"
          type="password"
          label={t('first.again')}
          marked
          value={again}
          onChange={setAgain}
          autoComplete="new-password"
          maxLength={256}
          wrong={tried && wrong.again}
          help={tried && wrong.again ? t('first.again-wrong') : undefined}
        />
        <ActionGroup>
          <Button type="submit" variant="primary" isLoading={create.isPending} isDisabled={create.isPending}>
            {t('first.create')}
          </Button>
        </ActionGroup>
      </Form>
    </EntryFrame>
  );
}
