import { createConsola } from 'consola';

/** Asks a person. Ctrl-C counts as no. */
export type Ask = (question: string) => Promise<boolean>;

export const askOnTerminal: Ask = async (question) => {
  try {
    return await createConsola().prompt(question, { type: 'confirm', initial: false, cancel: 'reject' });
  } catch {
    return false;
  }
};

/** Answers yes to all questions, for `--yes`. */
export const askNobody: Ask = async () => true;
