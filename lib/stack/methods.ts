/** What a user agent of this stack takes within its dialogs (RFC 3261 section 20.5). */
export const ALLOW: string = 'INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO, MESSAGE, NOTIFY, REFER, OPTIONS';
