/**
 * How many tokens each text of a pair keeps, by the rule of Python's tokenizers (`longest_first`): the shorter keeps what it has
 * while it is not longer than its half, and of an odd limit the longer text gets the odd token, the second when both are as long.
 *
 * The package for Node.js gives it to the second always.
 */

/** `first` and `second` are more than `room` together; a length beyond `room` may be any such, if the order of both is right. */
export function pairLengths(first: number, second: number, room: number): [number, number] {
  const shorter = Math.min(first, second);
  const half = Math.floor(room / 2);
  const [less, more] = shorter <= half ? [shorter, room - shorter] : [half, room - half];
  return first > second ? [more, less] : [less, more];
}
