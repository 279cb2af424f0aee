/* issuer: `tamgad --issuer --dir DIR --fd N`: the process that holds the embedded CA's key. Own
 * user where started by root, no database, no network; it believes nobody: trust, recalls,
 * statement, leaves and old certificates come by the pipe, and it checks V1-V7 and S5 itself before
 * it signs. Its folder keeps realm (for ever), newest trust (never lower), recalls and every
 * certificate, on disk before the answer; a public key that comes again gets the stored
 * certificate. */
#pragma once

/* argv as of main(). Returns the exit code: 0 when the other end of the pipe closed. */
int ca_issuer_main(int argc, char **argv);
