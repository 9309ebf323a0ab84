// Package atomicfile writes files that appear whole or not at all, and survive
// a power cut once they have appeared: under a temporary name beside the file,
// fsync, rename, fsync of the folder.
//
// A path may lead elsewhere than to a regular file. A symbolic link is followed:
// the file that it leads to is replaced, and the link stays. What cannot be
// replaced, such as a pipe or a device, is opened and written as the bytes come,
// and stays what it is. A folder is refused before anything is written.
//
// A writer that is killed leaves a file whose name ends in Suffix; nothing reads
// such files, and Sweep removes them.
package atomicfile
