/** The API's objects by their names, all generated from `control/openapi.json`. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type DiskFacts = Schemas['DiskFacts'];
export type DiskIdentity = Schemas['DiskIdentity'];
export type DiskRequest = Schemas['DiskRequest'];
export type Evidence = Schemas['Evidence'];
export type FirstAdministrator = Schemas['FirstAdministrator'];
export type Job = Schemas['Job'];
export type JobCounts = Schemas['JobCounts'];
export type JobDetail = Schemas['JobDetail'];
export type JobMachine = Schemas['JobMachine'];
export type JobPage = Schemas['JobPage'];
export type JobState = Schemas['JobState'];
export type LogIn = Schemas['LogIn'];
export type Machine = Schemas['Machine'];
export type MachineChange = Schemas['MachineChange'];
export type MachinePage = Schemas['MachinePage'];
export type Master = Schemas['Master'];
export type MasterList = Schemas['MasterList'];
export type MasterVersion = Schemas['MasterVersion'];
export type NewJob = Schemas['NewJob'];
export type Problem = Schemas['Problem'];
export type Progress = Schemas['Progress'];
export type ReadBack = Schemas['ReadBack'];
export type RetryRequest = Schemas['RetryRequest'];
export type Server = Schemas['Server'];
export type Session = Schemas['Session'];
export type Settings = Schemas['Settings'];
export type Setup = Schemas['Setup'];
export type Step = Schemas['Step'];
export type StepResult = Schemas['StepResult'];
