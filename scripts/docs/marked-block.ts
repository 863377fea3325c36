/** A part of a page between two markers, which a program writes. */
export class MarkedBlock {
  readonly #begin: string;
  readonly #end: string;

  constructor(begin: string, end: string) {
    this.#begin = begin;
    this.#end = end;
  }

  /** Returns what is between the markers. @throws RangeError if the page does not have them. */
  read(page: string): string {
    const [begin, end] = this.#find(page);
    return page.slice(begin, end).trim();
  }

  /** Returns the page with this text between the markers. @throws RangeError if the page does not have them. */
  replace(page: string, text: string): string {
    const [begin, end] = this.#find(page);
    return `${page.slice(0, begin)}\n\n${text}\n\n${page.slice(end)}`;
  }

  #find(page: string): readonly [begin: number, end: number] {
    const begin = page.indexOf(this.#begin);
    const end = page.indexOf(this.#end);
    if (begin < 0 || end < begin)
      throw new RangeError(`Cannot find the block: the page does not have the markers ${this.#begin} and ${this.#end}`);
    return [begin + this.#begin.length, end];
  }
}
