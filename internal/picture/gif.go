package picture

// gifFirstFrameWhole reports whether the blocks of a GIF reach the end of its
// first frame. libvips paints what is there of a cut-off GIF and says nothing,
// so that half pictures would pass for whole ones. Field names are those of the
// GIF89a specification, section 17 and on.
func gifFirstFrameWhole(b []byte) bool {
	const header, screen, descriptor = 6, 7, 9
	if len(b) < header+screen {
		return false
	}
	at := header + screen
	if packed := b[header+4]; packed&0x80 != 0 {
		at += 3 << (packed&7 + 1)
	}
	for at < len(b) {
		switch b[at] {
		case 0x21: // extension: introducer, label, sub-blocks
			next, ok := gifSkipBlocks(b, at+2)
			if !ok {
				return false
			}
			at = next
		case 0x2c: // image descriptor, colour table, code size, sub-blocks
			if at+1+descriptor > len(b) {
				return false
			}
			packed := b[at+descriptor]
			at += 1 + descriptor
			if packed&0x80 != 0 {
				at += 3 << (packed&7 + 1)
			}
			_, ok := gifSkipBlocks(b, at+1)
			return ok
		default: // the trailer before any frame, or no block at all
			return false
		}
	}
	return false
}

// gifFrames counts the frames whose blocks are there.
func gifFrames(b []byte) int {
	const header, screen, descriptor = 6, 7, 9
	if len(b) < header+screen {
		return 0
	}
	at, frames := header+screen, 0
	if packed := b[header+4]; packed&0x80 != 0 {
		at += 3 << (packed&7 + 1)
	}
	for at < len(b) {
		switch b[at] {
		case 0x21:
			at += 2
		case 0x2c:
			if at+1+descriptor > len(b) {
				return frames
			}
			packed := b[at+descriptor]
			at += 1 + descriptor
			if packed&0x80 != 0 {
				at += 3 << (packed&7 + 1)
			}
			at++
			frames++
		default:
			return frames
		}
		next, ok := gifSkipBlocks(b, at)
		if !ok {
			return frames
		}
		at = next
	}
	return frames
}

// gifSkipBlocks returns the offset after the sub-blocks that start at at; ok is
// false when they do not end within b.
func gifSkipBlocks(b []byte, at int) (next int, ok bool) {
	for at < len(b) {
		n := int(b[at])
		at++
		if n == 0 {
			return at, true
		}
		at += n
	}
	return at, false
}
