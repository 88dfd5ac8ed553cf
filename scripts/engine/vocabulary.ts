/**
 * The vocabulary of the tiny model, in the form of SentencePiece: control tokens, one token for each
 * byte, printable characters, and a few hundred words with their beginnings, so that each word
 * becomes one token.
 */

/** The kinds of tokens, by their number in the format. */
const KINDS = { normal: 1, unknown: 2, control: 3, userDefined: 4, byte: 6 } as const;

interface Token {
  readonly text: string;
  readonly score: number;
  readonly kind: keyof typeof KINDS;
  /** How readily the model says it: added to its logit. */
  readonly bias: number;
}

/** The tokens as the columns that a file has, and how readily each is said. */
export interface Vocabulary {
  readonly texts: readonly string[];
  readonly scores: readonly number[];
  readonly kinds: readonly number[];
  readonly biases: readonly number[];
}

export const UNKNOWN_ID = 0;
export const BOS_ID = 1;
export const EOS_ID = 2;
/** The token that begins a call of a tool. */
export const TOOL_CALL_ID = 4;

/** A logit so low that a token is said only where a grammar leaves no other. */
const NEVER = -30;
/** Letters are said less than words; the ends of JSON's strings and objects more. */
const SELDOM = -3;
const OFTEN = 3;

const WORDS = `the of and to in is was for on that by with as it from at be this are or his an were
which not have had one their has its new first also after two who they he she but all into when
time may can some more other about between people year years part over during used world there many
known under most made such these then three state through would where city system since called
water part place number name found work group until use being well number form war life same day
small large area however several early second like long university later before national music
house school high government local old book book line family order set back family began team game
white black red green blue river road north south east west island station church building family
company public service member power law president king court force air land sea ship train field
light sound color point point side end start run call wait model token queue rank batch server
engine answer question stream prompt prefix cache memory layer weight value table row column index
search tree graph node edge path cost speed rate limit budget clock hour minute second morning
evening night spring summer autumn winter weather rain snow wind cloud sun moon star planet earth
stone metal wood paper glass bread salt sugar milk coffee apple orange table chair window door wall
floor roof garden street bridge market office doctor teacher student writer reader player driver
farmer soldier sailor friend mother father brother sister child animal horse dog cat bird fish`
  .split(/\s+/)
  .filter((word, place, words) => words.indexOf(word) === place);

/** Builds the vocabulary. */
export function vocabulary(): Vocabulary {
  const tokens: Token[] = [
    { text: '<unk>', score: 0, kind: 'unknown', bias: NEVER },
    { text: '<s>', score: 0, kind: 'control', bias: NEVER },
    { text: '<|im_end|>', score: 0, kind: 'control', bias: NEVER },
    { text: '<|im_start|>', score: 0, kind: 'control', bias: NEVER },
    { text: '<tool_call>', score: 0, kind: 'userDefined', bias: NEVER },
    { text: '</tool_call>', score: 0, kind: 'userDefined', bias: NEVER },
  ];
  for (let byte = 0; byte < 256; byte += 1) {
    const hex = byte.toString(16).toUpperCase().padStart(2, '0');
    tokens.push({ text: `<0x${hex}>`, score: 0, kind: 'byte', bias: NEVER });
  }
  const seen = new Set<string>();
  const add = (text: string, score: number, bias: number) => {
    if (seen.has(text)) return;
    seen.add(text);
    tokens.push({ text, score, kind: 'normal', bias });
  };
  for (const word of WORDS) add(`\u2581${word}`, -1, 0);
  for (const word of WORDS) {
    // A word is merged from its beginnings; longer ones come first.
    for (let length = 1; length < word.length; length += 1) {
      add(`\u2581${word.slice(0, length)}`, -100 + length, NEVER);
    }
  }
  add('\u2581', -200, SELDOM);
  for (let code = 0x21; code < 0x7f; code += 1) {
    const text = String.fromCharCode(code);
    add(text, -200, /["}\]]/.test(text) ? OFTEN : SELDOM);
  }
  return {
    texts: tokens.map(({ text }) => text),
    scores: tokens.map(({ score }) => score),
    kinds: tokens.map(({ kind }) => KINDS[kind]),
    biases: tokens.map(({ bias }) => bias),
  };
}
