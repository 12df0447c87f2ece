import { z } from 'zod';
import { PROFILE_NAMES, type ProfileRule } from '../bearer/profile.ts';

/** How content comes to devices that do not take it as it was sent, or fetch it (RFC 4483). */
export interface ContentOptions {
  /**
   * Whether content goes in another form (docs/transformations.md) to a device that told that it takes no other. Default
   * true; a Push Initiator forbids it by `Cache-Control: no-transform`.
   */
  readonly transform: boolean;
  /**
   * Where devices reach `ppg.content()`, as `https://ppg.example.com/content`. Default: no reference is ever sent.
   */
  readonly url?: string | undefined;
  /** Let the URL be http:. Default false: whoever reads it on the way could fetch the content. */
  readonly allowHttp: boolean;
  /** Downloads at a time, each of which holds its content in memory. Default 64. */
  readonly downloads: number;
  /** Requests for one URL within an hour. Default 64. */
  readonly triesPerHour: number;
}

const URL_FORM = 'must be a URL such as https://ppg.example.com/content, without user, query or fragment';

/** Characters that stand in a quoted parameter, and nothing that a device could read in two ways. */
const PLAIN_URL = /^https?:\/\/[\w.:[\]~%/-]{1,280}$/i;

export const contentSchema: z.ZodType<
  ContentOptions,
  { readonly [Key in keyof ContentOptions]?: ContentOptions[Key] | undefined }
> = z
  .strictObject({
    transform: z.boolean().default(true),
    url: z
      .string()
      .refine((text) => PLAIN_URL.test(text) && URL.canParse(text), URL_FORM)
      .optional(),
    allowHttp: z.boolean().default(false),
    downloads: z.number().int().min(1).max(10_000).default(64),
    triesPerHour: z.number().int().min(1).max(100_000).default(64),
  })
  .refine(({ url, allowHttp }) => url === undefined || allowHttp || /^https:/i.test(url), {
    path: ['url'],
    error: 'must be https, unless content.allowHttp is true',
  });

const pattern = z.string().min(1).max(255).optional();

export const profilesSchema: z.ZodDefault<z.ZodType<readonly ProfileRule[], readonly ProfileRule[]>> = (
  z
    .array(
      z.strictObject({
        match: z.strictObject({ userAgent: pattern, application: pattern, type: pattern, instance: pattern }),
        profile: z.enum(PROFILE_NAMES),
      }),
    )
    .max(256) as z.ZodType<readonly ProfileRule[], readonly ProfileRule[]>
).default([]);
