/**
 * Values that stand for a name that was never filled in: a variable that is not set, a template that
 * nobody expanded, an object where text was meant. All traffic of a program would have such a name in
 * common, so it counts as absent. Above each: where it comes from.
 */
const PLACEHOLDERS: readonly RegExp[] = [
  // a header of a variable that is empty
  /^\s*$/,
  // JavaScript, Python, Ruby, Go and C, written into text; LiteLLM for no name
  /^(?:undefined|null|none|nil|nan|no-?op|n\/a|\(null\)|<nil>|<no value>)$/i,
  // JavaScript: a name whose last part is a variable
  /[-_:./]undefined$/,
  // JavaScript: an object in text
  /\[object \w{1,64}\]/,
  // a shell variable in single quotes, or in a file
  /^\$(?:env:)?[A-Za-z_]\w*$/,
  // shell, JavaScript and Compose templates
  /\$\{[^}]*\}|\$\([^)]*\)/,
  // Jinja, Helm, Handlebars and GitHub Actions templates
  /\{\{[^}]*\}\}/,
  // Python format strings; OpenCode: {env:NAME}
  /^\{[A-Za-z_][\w:.-]*\}$/,
  // Windows variables
  /^%[A-Za-z_]\w*%$/,
  // a sample in documentation: <run-id>
  /^<[A-Za-z][\w -]*>$/,
  // the nil UUID
  /^0{8}(?:-0{4}){3}-0{12}$/,
];

/** Longest value that is compared; a longer one is a name, or refused as one. */
const MAX_CHARS = 256;

export function isPlaceholder(value: string): boolean {
  return value.length <= MAX_CHARS && PLACEHOLDERS.some((form) => form.test(value));
}
