import { X509Certificate, createPrivateKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g

/** Finds the certificates in a PEM text, in order; undefined when one of them cannot be read. */
export function certificatesIn(pem: string): readonly X509Certificate[] | undefined {
  try {
    return blocksIn(pem, 'CERTIFICATE').map((text) => new X509Certificate(text))
  } catch {
    return undefined // What OpenSSL says about broken ASN.1 helps nobody who looks for a file to replace.
  }
}

/** Finds the private keys in a PEM text (PKCS#1, PKCS#8 or EC); undefined when one is broken or has a pass phrase. */
export function privateKeysIn(pem: string): readonly KeyObject[] | undefined {
  try {
    return blocksIn(pem, 'PRIVATE KEY').map((text) => createPrivateKey(text))
  } catch {
    return undefined
  }
}

const begin = '-----BEGIN CERTIFICATE-----'
const end = '-----END CERTIFICATE-----'

/**
 * The certificates in a PEM text as they are written, in order; whether they can be read is for others to find out. In linear time
 * for any text: it comes with a request, in megabytes.
 */
export function certificateTextsIn(pem: string): readonly string[] {
  return pem.split(end).slice(0, -1).flatMap((before) => {
    const at = before.lastIndexOf(begin)
    return at < 0 ? [] : [`${before.slice(at)}${end}\n`]
  })
}

function blocksIn(pem: string, kind: string): readonly string[] {
  return [...pem.matchAll(block)].filter(([, label]) => label?.endsWith(kind)).map(([text]) => text)
}
