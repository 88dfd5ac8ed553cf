/**
 * Values that stand for a name that was never filled in: a variable that is not set, a template that
 * nobody expanded, an object where text was meant. All traffic of a program would have such a name in
 * common, so it counts as absent. Each row says where it comes from.
 */
export const PLACEHOLDERS = [
  { form: /^\s*$/, seen: 'a header of a variable that is empty' },
  {
    form: /^(?:undefined|null|none|nil|nan|no-?op|n\/a|\(null\)|<nil>|<no value>)$/i,
    seen: 'JavaScript, Python, Ruby, Go and C, written into text; LiteLLM for no name',
  },
  { form: /[-_:./]undefined$/, seen: 'JavaScript: a name whose last part is a variable' },
  { form: /\[object \w{1,64}\]/, seen: 'JavaScript: an object in text' },
  { form: /^\$(?:env:)?[A-Za-z_]\w*$/, seen: 'a shell variable in single quotes, or in a file' },
  { form: /\$\{[^}]*\}|\$\([^)]*\)/, seen: 'shell, JavaScript and Compose templates' },
  { form: /\{\{[^}]*\}\}/, seen: 'Jinja, Helm, Handlebars and GitHub Actions templates' },
  { form: /^\{[A-Za-z_][\w:.-]*\}$/, seen: 'Python format strings; OpenCode: {env:NAME}' },
  { form: /^%[A-Za-z_]\w*%$/, seen: 'Windows variables' },
  { form: /^<[A-Za-z][\w -]*>$/, seen: 'a sample in documentation: <run-id>' },
  { form: /^0{8}(?:-0{4}){3}-0{12}$/, seen: 'the nil UUID' },
] as const;

/** Longest value that is compared; a longer one is a name, or refused as one. */
const MAX_CHARS = 256;

export function isPlaceholder(value: string): boolean {
  return value.length <= MAX_CHARS && PLACEHOLDERS.some(({ form }) => form.test(value));
}
