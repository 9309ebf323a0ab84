//go:build cuda

package cuda

import (
	"unsafe"

	"github.com/pairloom/pairloom/trainer/device"
	"gorgonia.org/cu"
)

// A slot is pinned memory that one copy at a time goes through.
type slot struct {
	host  []byte
	event cu.Event // the end of the last copy
}

// slots are used in turn, and made when they are first needed. There are more of the work's
// stream than a micro batch has writes (ids, offsets): the one whose turn it is waits for
// what the card has then been given since, and the card is not to run out of that.
type slots struct {
	bytes, count int // of a slot; of them
	list         []*slot
	next         int
}

const (
	bulkBytes  = 1 << 20 // from here on a Write goes over the copies' stream
	fetchBytes = 4 << 20
	fetchCount = 4
)

func newSlot(bytes int) (*slot, error) {
	host, err := pinned(bytes)
	if err != nil {
		return nil, err
	}
	e, err := cu.MakeEvent(cu.DisableTiming | cu.BlockingSyncEvent)
	return &slot{host: host, event: e}, plain(err)
}

func (s *slot) free() {
	cu.DestroyEvent(&s.event)
	cu.MemFreeHost(unsafe.Pointer(&s.host[0]))
}

func (s *slots) close() {
	for _, one := range s.list {
		one.free()
	}
}

// upload copies src to device memory on a stream: it is read when upload returns.
func (s *slots) upload(to address, src []byte, stream cu.Stream) error {
	for len(src) > 0 {
		if s.next == len(s.list) {
			made, err := newSlot(s.bytes)
			if err != nil {
				return err
			}
			s.list = append(s.list, made)
		} else if err := s.list[s.next].event.Synchronize(); err != nil {
			return plain(err)
		}
		one := s.list[s.next]
		s.next = (s.next + 1) % s.count
		n := copy(one.host, src)
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(to), unsafe.Pointer(&one.host[0]), int64(n), stream); err != nil {
			return plain(err)
		}
		if err := one.event.Record(stream); err != nil {
			return plain(err)
		}
		to, src = to+address(n), src[n:]
	}
	return nil
}

// write copies src to dst in the work's order. What is large goes to device memory of its
// own first, on a stream of its own, so that it is there while earlier work is
// still under way.
func (d *Device) write(op string, to address, src []byte) {
	if len(src) == 0 {
		return
	}
	d.queue <- command{op: op, run: func() error {
		if len(src) < bulkBytes {
			return d.uploads.upload(to, src, d.work)
		}
		staged, err := allocAsync(len(src), d.copies)
		if is(err, outOfMemory) {
			return d.uploads.upload(to, src, d.work)
		}
		if err != nil {
			return err
		}
		d.hold(len(src))
		defer d.hold(-len(src))
		if err := d.bulk.upload(staged, src, d.copies); err != nil {
			return err
		}
		arrived, err := d.event()
		if err != nil {
			return err
		}
		defer d.recycle(arrived)
		if err := arrived.Record(d.copies); err != nil {
			return plain(err)
		}
		if err := d.work.Wait(arrived, 0); err != nil {
			return plain(err)
		}
		if err := cu.MemcpyDtoDAsync(cu.DevicePtr(to), cu.DevicePtr(staged), int64(len(src)), d.work); err != nil {
			return plain(err)
		}
		return freeAsync(staged, d.work)
	}}
}

// bytesOf is the memory of s.
func bytesOf[T float32 | int32 | byte](s []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(*new(T))))
}

// Write copies src to dst when the queue gets there.
func (d *Device) Write(dst device.Buffer, src []float32) {
	d.write("write", at("write", dst, len(src)), bytesOf(src))
}

// WriteInts is Write to type I32.
func (d *Device) WriteInts(dst device.Buffer, src []int32) {
	d.write("write", atInts("write", dst, len(src)), bytesOf(src))
}

// WriteBytes is Write to type U8.
func (d *Device) WriteBytes(dst device.Buffer, src []byte) {
	d.write("write", typed("write", device.U8, dst, len(src)), src)
}

// Fetch copies src to dst when the queue gets there.
func (d *Device) Fetch(dst []float32, src device.Buffer) {
	from, to := at("fetch", src, len(dst)), bytesOf(dst)
	d.queue <- command{op: "fetch", run: func() error { return d.fetch(to, from) }}
}

func (d *Device) fetch(to []byte, from address) error {
	for len(to) > 0 {
		s, err := d.fetchSlot()
		if err != nil {
			return err
		}
		n := min(len(to), len(s.host))
		if err := cu.MemcpyDtoHAsync(unsafe.Pointer(&s.host[0]), cu.DevicePtr(from), int64(n), d.work); err != nil {
			d.fetches <- s
			return plain(err)
		}
		d.pass(passage{slot: s, to: to[:n]})
		to, from = to[n:], from+address(n)
	}
	return nil
}

// fetchSlot is a slot that no fetch is under way through.
func (d *Device) fetchSlot() (*slot, error) {
	select {
	case s := <-d.fetches:
		return s, nil
	default:
	}
	if d.fetchSlots < fetchCount {
		d.fetchSlots++
		return newSlot(fetchBytes)
	}
	return <-d.fetches, nil
}

// Read waits for the queue and copies src to dst.
func (d *Device) Read(dst []float32, src device.Buffer) error {
	d.Fetch(dst, src)
	return d.Sync()
}
