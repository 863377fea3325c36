import { createConsola } from 'consola';

/** Asks a person. Ctrl-C is a no. */
export type Ask = (question: string) => Promise<boolean>;

export const askOnTerminal: Ask = async (question) => {
  try {
    return await createConsola().prompt(question, { type: 'confirm', initial: false, cancel: 'reject' });
  } catch {
    return false;
  }
};

/** For those who said yes before. */
export const askNobody: Ask = async () => true;
