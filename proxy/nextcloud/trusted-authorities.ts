import { getCACertificates } from 'node:tls'

/** Who may have signed Nextcloud's certificate. What the system trusts counts: an admin's own CA stands there. Reading it takes 25 ms. */
export const trustedAuthorities = (): string[] => [...getCACertificates('default'), ...getCACertificates('system')]
