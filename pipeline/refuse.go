package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/pairloom/pairloom/crawl"
	"github.com/pairloom/pairloom/crawl/alttext"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/internal/refusal"
	"github.com/pairloom/pairloom/internal/settings"
	"github.com/pairloom/pairloom/shard"
	"golang.org/x/sys/unix"
)

// RefusedName is the file in the dataset's folder that lists what must not be in it;
// package refusal says what its lines are. All stages up to the shards obey it.
const RefusedName = "refused.txt"

// ReasonRefused is why a stage drops what the list names, and the status of a picture
// that is not stored for it.
const ReasonRefused = gate.Refused

// What of an entry can decide on a candidate, and on a picture. Lists of other kinds
// leave a stage's result, and so its settings, as they are.
var (
	candidateKinds = []refusal.Kind{refusal.Address, refusal.Host, refusal.Pair, refusal.Hash}
	pictureKinds   = []refusal.Kind{refusal.Address, refusal.Host, refusal.Picture, refusal.Hash, refusal.SHA256, refusal.Similar}
	allKinds       = append(slices.Clone(pictureKinds), refusal.Pair)
)

// RefusalParser reads entries with addresses in the spelling that candidates have.
func RefusalParser() refusal.Parser {
	return refusal.Parser{Address: func(s string) (string, bool) {
		var whole alttext.Whole
		full, ok := whole.Address([]byte(s))
		return string(full), ok
	}}
}

// readRefusals keeps the list that was read last, since each stage asks for it several
// times; it counts while the file is the same.
var readRefusals struct {
	sync.Mutex
	path string
	info fs.FileInfo
	list *refusal.List
}

// Refusals reads the refusal list of a dataset's folder; without the file it is empty.
func Refusals(dir string) (*refusal.List, error) {
	path := filepath.Join(dir, RefusedName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return refusal.New(nil), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read refusals: %w; the file must be readable, since what it refuses must not be used", err)
	}
	r := &readRefusals
	r.Lock()
	defer r.Unlock()
	if r.info != nil && r.path == path && os.SameFile(r.info, info) && r.info.Size() == info.Size() && r.info.ModTime().Equal(info.ModTime()) {
		return r.list, nil
	}
	list, err := RefusalParser().ReadFile(path)
	if err != nil {
		return nil, err
	}
	r.path, r.info, r.list = path, info, list
	return list, nil
}

// Refuse puts entries on the refusal list of a dataset's folder, those that are not on
// it. When it returns, the list is on disk. It needs no lock of the folder: several
// processes wait for one another.
func Refuse(dir string, entries ...refusal.Entry) (added int, err error) {
	release, err := lockRefusals(dir)
	if err != nil {
		return 0, fmt.Errorf("add to refusals: %w", err)
	}
	defer release()
	path := filepath.Join(dir, RefusedName)
	list, err := Refusals(dir)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("add to refusals: %w", err)
	}
	out := bytes.NewBuffer(text)
	if len(text) > 0 && text[len(text)-1] != '\n' {
		out.WriteByte('\n')
	}
	fresh := refusal.New(append(slices.Clone(list.Entries), entries...)).Entries[list.Len():]
	if len(fresh) == 0 {
		return 0, nil
	}
	for _, e := range fresh {
		fmt.Fprintln(out, e)
	}
	return len(fresh), atomicfile.WriteFile(path, out.Bytes())
}

// lockRefusals waits until no other process writes the list, or removes half written files
// from beside it, and keeps them from it until release: with flock(2) on the folder itself.
func lockRefusals(dir string) (release func() error, err error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX); err != nil {
		folder.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return folder.Close, nil // which gives the lock back
}

// RefuseAddress is Refuse for the address of a picture or a page.
func RefuseAddress(dir, address string) error {
	e, ok, err := RefusalParser().Bare(address, refusal.Address)
	if err == nil && !ok {
		err = errors.New("it is no address")
	}
	if err == nil {
		_, err = Refuse(dir, e)
	}
	if err != nil {
		return fmt.Errorf("refuse %q: %w", address, err)
	}
	return nil
}

// Refuser tells of pairs of the dataset whether its refusal list, as it is now, refuses
// them, as removed pairs and those that the next run drops. Any goroutine may call it.
func Refuser(dir string) (func(*shard.Pair) bool, error) {
	list, err := Refusals(dir)
	return func(p *shard.Pair) bool {
		_, refused := refusesPair(list, p)
		return refused
	}, err
}

// withRefusals is the fingerprint of settings of a stage that obeys the entries of the
// kinds given. It is by itself where there are none.
func withRefusals(dir, by string, kinds []refusal.Kind) (string, error) {
	list, err := Refusals(dir)
	if err != nil {
		return "", err
	}
	if sum := list.Sum(kinds...); sum != "" {
		by = settings.Hash(by, RefusedName, sum)
	}
	return by, nil
}

// refusedDetail says to people which line decided.
func refusedDetail(e refusal.Entry) string { return RefusedName + ": " + e.String() }

// RefusalFaults says which lines of the refusal list are no entries.
func RefusalFaults(dir string) ([]string, error) {
	list, err := Refusals(dir)
	if err != nil {
		return nil, err
	}
	return FaultLines(RefusedName, list.Faults), nil
}

// FaultLines writes lines of a file that are no entries as people are told of them.
func FaultLines(name string, faults []refusal.Fault) (lines []string) {
	for _, f := range faults {
		if f.Line == 0 {
			lines = append(lines, name+": "+f.What)
			continue
		}
		lines = append(lines, fmt.Sprintf("%s:%d: %s", name, f.Line, f.What))
	}
	return lines
}

// obeysRefusals tells whether the stage reads the list.
func (s *Stage) obeysRefusals() bool {
	return slices.Contains([]string{CrawlName, ArchivesName, ImportName, MatchName, FetchName, CurateName, ShardName}, s.Name)
}

// refusesCandidate decides on a candidate by what a page says: addresses, hosts, and the
// pair.
func refusesCandidate(list *refusal.List, c *shard.Candidate) (refusal.Entry, bool) {
	f := refusal.Facts{PageURL: c.PageURL, ImageURL: c.ImageURL}
	if list.Has(refusal.Pair, refusal.Hash) {
		f.PairID = shard.PairID(c.ImageURL, c.Text)
	}
	return list.Refuses(&f)
}

// refusalsOf are what a crawl obeys of the list.
func refusalsOf(list *refusal.List) (r crawl.Refusals) {
	if !list.Has(candidateKinds...) {
		return r
	}
	r.Address = func(address string) (string, bool) {
		e, refused := list.RefusesAddress(address)
		if !refused {
			return "", false
		}
		return refusedDetail(e), true
	}
	r.Candidate = func(c *shard.Candidate) bool {
		_, refused := refusesCandidate(list, c)
		return refused
	}
	for _, e := range list.Entries {
		if slices.Contains(candidateKinds, e.Kind) {
			r.Entries = append(r.Entries, xxhash.Sum64String(e.String()))
		}
	}
	return r
}

// refusesPicture decides on a picture by its row.
func refusesPicture(list *refusal.List, i *shard.Image) (refusal.Entry, bool) {
	return list.Refuses(&refusal.Facts{ImageURL: i.ImageURL, PictureHash: i.PictureHash, PHash: i.PHash, SHA256: i.SHA256})
}

// refusesPair decides on a pair of the dataset.
func refusesPair(list *refusal.List, p *shard.Pair) (refusal.Entry, bool) {
	return list.Refuses(&refusal.Facts{
		PageURL: p.PageURL, ImageURL: p.ImageURL, PairID: p.PairID, PictureHash: p.PictureHash, PHash: p.PHash, SHA256: p.SHA256,
	})
}

// refuse makes of the row of a picture the row of one that is refused: it has no picture
// and says nothing of it but by what it is known, so that it can be told later whether
// it still is refused.
func refuse(i *shard.Image, e refusal.Entry) {
	*i = shard.Image{
		ImageID: i.ImageID, ImageURL: i.ImageURL, Status: ReasonRefused, Detail: refusedDetail(e), FetchTime: i.FetchTime,
		PictureHash: i.PictureHash, PHash: i.PHash, SHA256: i.SHA256,
	}
}
