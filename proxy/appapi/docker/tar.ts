/** A file or folder of an archive. All of them belong to root. */
export interface TarEntry {
  /** Relative to where the archive is unpacked, without a slash at either end. */
  readonly name: string
  /** Absent: a folder. */
  readonly content?: string | Buffer
}

const blockLength = 512

/** Where the fields of a header lie (POSIX ustar). */
const at = { name: 0, mode: 100, uid: 108, gid: 116, size: 124, mtime: 136, checksum: 148, type: 156, magic: 257 } as const

/** What a name may take in the plain header; ours are far shorter. */
const maxNameLength = 99

/** Everybody may read: an ExApp's process need not be root's (Q25). Folders have to be entered as well. */
const fileMode = 0o644
const folderMode = 0o755

const fileType = '0'
const folderType = '5'

/** An archive as engines unpack it (HaRP contract §6.4.4). `modified` is in milliseconds since 1970. Throws RangeError on a name that is too long. */
export function tarOf(entries: readonly TarEntry[], modified: number): Buffer {
  const parts = entries.flatMap(({ name, content }) => {
    const bytes = Buffer.from(content ?? '')
    return [header(name, content === undefined ? 'folder' : bytes.length, modified), bytes, padding(bytes.length)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * blockLength)])
}

function header(name: string, size: number | 'folder', modified: number): Buffer {
  if (Buffer.byteLength(name) > maxNameLength) throw new RangeError(`too long for a tar header: ${name}`)
  const isFolder = size === 'folder'
  const block = Buffer.alloc(blockLength)
  block.write(isFolder ? `${name}/` : name, at.name)
  block.write(octal(isFolder ? folderMode : fileMode, 7), at.mode)
  block.write(octal(0, 7), at.uid)
  block.write(octal(0, 7), at.gid)
  block.write(octal(isFolder ? 0 : size, 11), at.size)
  block.write(octal(Math.floor(modified / 1000), 11), at.mtime)
  block.write(isFolder ? folderType : fileType, at.type)
  block.write('ustar\u000000', at.magic)
  block.write(`${octal(checksum(block), 6)}\0 `, at.checksum)
  return block
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')

const padding = (length: number): Buffer => Buffer.alloc((blockLength - (length % blockLength)) % blockLength)

/** The sum of all bytes, with blanks in the place of the sum itself. */
function checksum(block: Buffer): number {
  const before = block.subarray(0, at.checksum)
  const after = block.subarray(at.checksum + 8)
  return [...before, ...after].reduce((sum, byte) => sum + byte, 8 * 0x20)
}

/** The content of the first plain file in an archive; `undefined` when there is none, or not all of it. */
export function firstFileIn(archive: Buffer): Buffer | undefined {
  for (let begin = 0; begin + blockLength <= archive.length; ) {
    const block = archive.subarray(begin, begin + blockLength)
    const size = Number.parseInt(block.toString('latin1', at.size, at.size + 11), 8)
    if (!Number.isSafeInteger(size)) return undefined // the zeros at the end, or no archive
    const content = archive.subarray(begin + blockLength, begin + blockLength + size)
    const type = block.toString('latin1', at.type, at.type + 1)
    if (type === fileType || type === '\0') return content.length === size ? content : undefined
    begin += blockLength + Math.ceil(size / blockLength) * blockLength // extended headers go before what they are about
  }
  return undefined
}
