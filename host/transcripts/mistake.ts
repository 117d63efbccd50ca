// Mistake: why a line of a transcript means nothing. It knows no line.

/** The message says what to write instead. */
export class Mistake extends Error {}
