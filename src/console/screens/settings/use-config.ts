/**
 * The configuration of a tenant with the edits on it: what is there, what differs, what is wrong with
 * it, and the saving. An edit is never lost: not to a newer version, not to a failed request.
 */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type {
  ConfigConflict,
  ConfigPut,
  ConfigRefused,
  ConfigSchema,
  ConfigView,
} from '../../../protocol/console/settings.ts';
import type { Answer } from '../../ask/ask.ts';
import type { Problem } from '../../ask/problem.ts';
import { useResource } from '../../ask/resource.ts';
import { configPath, tenantPath } from '../../ask/tenant-path.ts';
import { say, sayProblem } from '../../parts/notices.tsx';
import { useLate } from '../../parts/use-late.ts';
import { askAs } from '../../session/session.ts';
import {
  type Config,
  type FieldProblem,
  placeOfPath,
  type ReadText,
  readText,
  textOf,
} from './config-text.ts';
import { type Draft, draftOf, setDraft } from './drafts.ts';
import { isSame, merge } from './merge.ts';

const loadCheck = () => import('./schema-check.ts');

/** Time without a key after which the text is checked, ms. */
const SETTLED_MS = 200;

export interface Editing {
  readonly current: ConfigView;
  readonly draft: Draft | null;
  /** Somebody else has saved since the edits were begun. */
  readonly isBehind: boolean;
  readonly text: string;
  /** Of the text at this moment. */
  read(): ReadText;
  readonly problems: readonly FieldProblem[];
  /** Fields that both changed, after edits were brought onto a newer version. */
  readonly clashes: readonly string[];
  readonly isSaving: boolean;
  edit(text: string): void;
  drop(): void;
  /** Brings the edits onto the newer version; false where the text is not valid. */
  rebase(): boolean;
  /** Resolves to whether it is saved. */
  save(config: Config): Promise<boolean>;
}

/** What the service refused, with the text that stood at the field. */
interface Refusal {
  readonly path: string;
  readonly message: string;
  readonly was: string | null;
}

/** Saves a configuration, if the version that it began with is still the present one. */
export function putConfig(
  tenant: string,
  body: ConfigPut,
  version: number,
): Promise<Answer<ConfigView>> {
  const headers = { 'if-match': `"${version}"` };
  return askAs<ConfigView>(configPath(tenant), { method: 'PUT', body, headers });
}

export function useEditing(
  tenant: string,
  view: ConfigView,
  schema: ConfigSchema | undefined,
): Editing {
  const [told, setTold] = useState<ConfigView | null>(null);
  const [refusals, setRefusals] = useState<readonly Refusal[]>([]);
  const [clashes, setClashes] = useState<readonly string[]>([]);
  const [isSaving, setSaving] = useState(false);
  const current = told !== null && told.version > view.version ? told : view;
  const draft = draftOf(tenant);
  const shown = useMemo(() => textOf(current.config), [current]);
  const text = draft?.text ?? shown;
  const problems = useProblems(text, schema, refusals);
  const isBehind =
    draft !== null &&
    draft.base.version !== current.version &&
    !isSame(draft.base.config, current.config);

  const drop = () => {
    setDraft(tenant, null);
    setRefusals([]);
    setClashes([]);
  };
  /** Ends the edits that are saved; what was typed meanwhile stays, as an edit of what is saved. */
  const settle = (saved: ConfigView) => {
    const typed = draftOf(tenant);
    drop();
    if (typed && typed.text !== draft?.text) setDraft(tenant, { base: saved, text: typed.text });
  };
  const edit = (next: string) => {
    const base = draft?.base ?? current;
    if (next === textOf(base.config) && base.version === current.version) drop();
    else setDraft(tenant, { base, text: next });
  };
  const rebase = () => {
    const read = readText(text);
    if (!draft || !read.ok) return false;
    const { config, clashes: both } = merge(draft.base.config, read.config, current.config);
    setClashes(both);
    setRefusals([]);
    if (isSame(config, current.config)) setDraft(tenant, null);
    else setDraft(tenant, { base: current, text: textOf(config) });
    return true;
  };
  const save = async (config: Config) => {
    const base = draft?.base ?? current;
    setSaving(true);
    let answer = await putConfig(tenant, { config }, isBehind ? base.version : current.version);
    const between = newerOf(answer);
    // Keys have a version in common with the configuration, and are no part of it.
    if (between && isSame(between.config, base.config)) {
      answer = await putConfig(tenant, { config }, between.version);
    }
    setSaving(false);
    if (answer.ok) {
      setTold(answer.value);
      settle(answer.value);
      say('The configuration is saved.');
      return true;
    }
    const newer = newerOf(answer);
    if (newer) {
      setTold(newer);
      // The answer to an earlier attempt was lost.
      if (isSame(newer.config, config)) settle(newer);
    } else if (answer.problem.kind === 'invalid') setRefusals(refusalsOf(text, answer.problem));
    else sayProblem(answer.problem);
    return false;
  };
  return {
    current,
    draft,
    isBehind,
    text,
    read: () => readText(text),
    problems,
    clashes,
    isSaving,
    edit,
    drop,
    rebase,
    save,
  };
}

export function useSchema(tenant: string) {
  return useResource<ConfigSchema>(tenantPath(tenant, 'config-schema'));
}

/** What the document became, where it was changed meanwhile. */
function newerOf(answer: Answer<ConfigView>): ConfigView | undefined {
  if (answer.ok || answer.problem.kind !== 'conflict') return undefined;
  return ((answer.problem.body ?? {}) as Partial<ConfigConflict>).current;
}

function useProblems(
  text: string,
  schema: ConfigSchema | undefined,
  refusals: readonly Refusal[],
): readonly FieldProblem[] {
  const [settled, setSettled] = useState(text);
  // Where it cannot be loaded the service's own check is left.
  const late = useLate(loadCheck);
  const check = late.kind === 'loaded' ? late.code.schemaProblems : undefined;
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return useMemo(() => {
    const read = readText(settled);
    if (!read.ok) return read.problems;
    const { root, config } = read;
    const ofService = refusals.flatMap(({ path, message, was }) => {
      const place = path === '' ? null : placeOfPath(root, path);
      // What stands there now is something else: the service has not seen it.
      if (place && slice(settled, place) !== was) return [];
      return [{ path, message, place }];
    });
    const known = new Set(ofService.map(({ path }) => path));
    const ofSchema = schema && check ? check(schema, config, root) : [];
    return [...ofService, ...ofSchema.filter(({ path }) => !known.has(path))];
  }, [settled, schema, refusals, check]);
}

function refusalsOf(text: string, problem: Problem): Refusal[] {
  const read = readText(text);
  const { problems } = (problem.body ?? {}) as Partial<ConfigRefused>;
  const one = {
    ...(problem.param === null ? {} : { param: problem.param }),
    message: problem.message,
  };
  return (problems ?? [one]).map(({ param = '', message }) => {
    const place = read.ok && param !== '' ? placeOfPath(read.root, param) : null;
    return { path: param, message, was: place && slice(text, place) };
  });
}

function slice(text: string, { offset, length }: { offset: number; length: number }): string {
  return text.slice(offset, offset + length);
}
