/** The names that HTML has for characters of ASCII, in lower case. Other characters are in no key. */

/** What a name stands for; absent where more has to follow. Old names need no `;`. */
interface Name {
  readonly char?: string;
  readonly needsEnd?: boolean;
}

const OLD = ['amp', 'gt', 'lt', 'quot'];

const NAMED: Readonly<Record<string, string>> = {
  '!': 'excl',
  '"': 'quot',
  '#': 'num',
  $: 'dollar',
  '%': 'percnt',
  '&': 'amp',
  "'": 'apos',
  '(': 'lpar',
  ')': 'rpar',
  '*': 'ast midast',
  '+': 'plus',
  ',': 'comma',
  '.': 'period',
  '/': 'sol',
  ':': 'colon',
  ';': 'semi',
  '<': 'lt',
  '=': 'equals',
  '>': 'gt',
  '?': 'quest',
  '@': 'commat',
  '[': 'lsqb lbrack',
  '\\': 'bsol',
  ']': 'rsqb rbrack',
  '^': 'hat',
  _: 'lowbar underbar',
  '`': 'grave diacriticalgrave',
  '{': 'lcub lbrace',
  '|': 'verbar vert verticalline',
  '}': 'rcub rbrace',
};

/** All names and their beginnings. */
export const asciiNames: ReadonlyMap<string, Name> = withBeginnings();

function withBeginnings(): ReadonlyMap<string, Name> {
  const all = new Map<string, Name>();
  for (const [char, names] of Object.entries(NAMED)) {
    for (const name of names.split(' ')) {
      for (let length = 1; length < name.length; length += 1) {
        const beginning = name.slice(0, length);
        if (!all.has(beginning)) all.set(beginning, {});
      }
      all.set(name, { char, needsEnd: !OLD.includes(name) });
    }
  }
  return all;
}
