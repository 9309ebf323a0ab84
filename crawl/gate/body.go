package gate

import (
	"io"
	"sync"
)

// cappedBody ends after a number of decoded bytes, and gives the host's turn
// back at its end or when it is closed.
type cappedBody struct {
	rc   io.ReadCloser
	left int64
	cut  bool // end quietly at the cap instead of with ErrTooLarge
	once sync.Once
	done func()
	// ended is the caller's context's Err.
	ended func() error
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if b.left <= 0 {
		if b.cut {
			b.finish()
			return 0, io.EOF
		}
		var one [1]byte
		n, err := b.rc.Read(one[:])
		if n > 0 {
			err = ErrTooLarge
		}
		if err != nil {
			b.finish()
		}
		return 0, err
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.rc.Read(p)
	b.left -= int64(n)
	if err != nil {
		b.finish()
		if err != io.EOF {
			err = blame(b.ended(), err)
		}
	}
	return n, err
}

func (b *cappedBody) Close() error {
	err := b.rc.Close()
	b.finish()
	return err
}

func (b *cappedBody) finish() { b.once.Do(b.done) }
