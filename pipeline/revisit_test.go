package pipeline

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pairloom/pairloom/crawl/fetch"
	"github.com/pairloom/pairloom/crawl/gate"
	"github.com/pairloom/pairloom/internal/atomicfile"
	"github.com/pairloom/pairloom/shard"
)

const aDay = 24 * time.Hour

// What becomes of a picture that is asked for again, beside four that hold.
func TestPicturesAskedForAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	others := []string{"/b/1", "/b/2", "/b/3", "/b/4"}
	for _, tt := range []struct {
		name    string
		change  func(*pictureSite)
		status  string
		another bool // the folder is another for the stages behind it
		asked   bool // for the picture, not only for robots.txt
	}{
		{"it holds", func(*pictureSite) {}, "", false, true},
		{"the same bytes under another tag", func(s *pictureSite) { s.set("/a/x", file{tag: `"new"`}) }, "", false, true},
		{"replaced", func(s *pictureSite) { s.set("/a/x", file{colour: 200, tag: `"new"`}) }, "", true, true},
		{"not found", func(s *pictureSite) { s.set("/a/x", file{status: 404}) }, "http_404", true, true},
		{"gone", func(s *pictureSite) { s.set("/a/x", file{status: 410}) }, "http_410", true, true},
		{"its folder is disallowed", func(s *pictureSite) { s.robots = "User-agent: *\nDisallow: /a/\n" }, gate.RobotsDisallowed, true, false},
		{"it asks not to be used", func(s *pictureSite) { s.set("/a/x", file{tag: `"0"`, header: "noai"}) }, fetch.OptOut, true, true},
		{"no picture any more", func(s *pictureSite) { s.gate.MaxPictureBytes = 40 }, gate.TooLarge, true, true},
		{"the server is overloaded", func(s *pictureSite) { s.set("/a/x", file{status: 503}) }, "", false, true},
		{"the server fails in a way of its own", func(s *pictureSite) { s.set("/a/x", file{status: 523}) }, "", false, true},
		{"the connection breaks", func(s *pictureSite) { s.set("/a/x", file{status: -1}) }, "", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newPictureSite(t, append([]string{"/a/x"}, others...)...)
			if got := s.run(); len(got) != 5 {
				t.Fatalf("first asked for %v", got)
			}
			first, disk := s.rows()["/a/x"], s.disk()
			if why := s.due(); why != "" {
				t.Fatalf("right after the run it is due: %s", why)
			}
			s.now = s.now.Add(31 * aDay)
			if why := s.due(); why != "5 pictures are due" {
				t.Errorf("after 31 days it is due: %q", why)
			}
			tt.change(s)
			asked := slices.Compact(s.run()) // a connection that breaks is tried anew
			want := []string{"?/b/1", "?/b/2", "?/b/3", "?/b/4"}
			if tt.name == "no picture any more" { // all of them, and whole, since a cap is another
				want = []string{"/a/x", "/b/1", "/b/2", "/b/3", "/b/4"}
			} else if tt.asked {
				want = append([]string{"?/a/x"}, want...)
			}
			if !slices.Equal(asked, want) {
				t.Errorf("asked for %v, want %v", asked, want)
			}
			now := s.rows()["/a/x"]
			if now.Status != tt.status {
				t.Errorf("status %q (%s), want %q", now.Status, now.Detail, tt.status)
			}
			stays := tt.status == "" && !tt.another
			if s.holds(first.Bytes) != stays || (now.Status == "") != (len(now.Bytes) > 0) {
				t.Errorf("the old bytes are on the disk: %v, want %v; %d bytes now", !stays, stays, len(now.Bytes))
			}
			if another := !reflect.DeepEqual(parts(s.disk()), parts(disk)); another != tt.another {
				t.Errorf("parts and manifest are others: %v, want %v", another, tt.another)
			}
			if why := s.due(); why != "" {
				t.Errorf("it is still due: %s", why)
			}
			if asked := s.run(); len(asked) != 0 {
				t.Errorf("the next run asked for %v", asked)
			}
		})
	}
}

// What makes a picture due.
func TestWhenAPictureIsAskedForAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	day := func(n int) time.Time { return dayZero.Add(time.Duration(n) * aDay) }
	for _, tt := range []struct {
		name    string
		crawled time.Time // when its page was read, as the second run sees it
		now     time.Time
		never   bool // revisit_after: 0
		want    bool
	}{
		{"nothing happened", day(0), day(1), false, false},
		{"its page was read anew", day(1), day(1), false, true},
		{"its page was read in an older archive", day(-100), day(1), false, false},
		{"an archive's clock is wrong", day(4000), day(1), false, false},
		{"30 days have passed", day(0), day(30), false, true},
		{"not yet", day(0), day(29), false, false},
		{"30 days, and never on its own", day(0), day(30), true, false},
		{"its page was read anew, and never on its own", day(1), day(1), true, true},
	} {
		s := newPictureSite(t, "/a")
		if tt.never {
			s.options.RevisitAfter = 0
		}
		s.run()
		s.pairs(tt.crawled, "/a")
		s.now = tt.now
		if asked := s.run(); slices.Equal(asked, []string{"?/a"}) != tt.want || len(asked) > 1 {
			t.Errorf("%s: asked for %v, want it: %v", tt.name, asked, tt.want)
		}
	}
}

// A picture that could not be had is asked for once a run, and less and less often.
func TestPauseAfterFailures(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	for _, stored := range []bool{false, true} {
		s := newPictureSite(t, "/a")
		failed := s.now
		if stored {
			s.run()
			failed = s.now.Add(31 * aDay)
		}
		s.now = failed
		s.set("/a", file{status: 503})
		var pauses []time.Duration
		for s.run(); len(pauses) < 12; {
			if why := s.due(); why != "" {
				t.Fatalf("right after asking it is due: %s", why)
			}
			for s.due() == "" { // the calendar counts hours
				s.now = s.now.Add(30 * time.Minute)
			}
			pauses = append(pauses, s.now.Sub(failed).Truncate(time.Hour))
			if failed = s.now; len(s.run()) != 1 {
				t.Fatalf("after %v it is due and was not asked for once", pauses)
			}
		}
		for i, p := range pauses {
			if least := min(time.Hour<<i, 720*time.Hour); p < least || p > least+time.Hour {
				t.Errorf("stored %v: pauses %v; want from 1h on, each twice the one before, 720h at most", stored, pauses)
				break
			}
		}
		if i := s.rows()["/a"]; (i.Status == "") != stored {
			t.Errorf("stored before: %v; now its status is %q", stored, i.Status)
		}
		s.set("/a", file{colour: 90})
		s.now = s.now.Add(720 * time.Hour)
		s.run()
		if i := s.rows()["/a"]; i.Status != "" || len(i.Bytes) == 0 || i.Tries != 0 {
			t.Errorf("the server is back: status %q, %d failures", i.Status, i.Tries)
		}
	}
}

// What a setting refused is asked for when that setting is another, and only that.
func TestSettingsThatRefusedAPicture(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	for _, tt := range []struct {
		name            string
		before, after   func(*pictureSite)
		refused, status string
		unrelated       func(*pictureSite)
	}{
		{"an address is allowed", func(*pictureSite) {}, func(s *pictureSite) { s.gate.AllowAddresses = append(s.gate.AllowAddresses, "127.0.0.2") },
			gate.AddressRefused, gate.ConnectionRefused, func(s *pictureSite) { s.gate.MaxPictureBytes++ }},
		{"a larger cap", func(s *pictureSite) { s.gate.MaxPictureBytes = 20 }, func(s *pictureSite) { s.gate.MaxPictureBytes = 1 << 20 },
			gate.TooLarge, "", func(s *pictureSite) { s.gate.Respect = nil }},
		{"a wish is no longer obeyed", func(s *pictureSite) { s.set("/a", file{header: "noai"}) }, func(s *pictureSite) { s.gate.Respect = []string{gate.RespectRobots} },
			fetch.OptOut, "", func(s *pictureSite) { s.gate.MaxPictureBytes++ }},
		{"robots.txt is no longer obeyed", func(s *pictureSite) { s.robots = "User-agent: *\nDisallow: /a" }, func(s *pictureSite) { s.gate.Respect = nil },
			gate.RobotsDisallowed, "", func(s *pictureSite) { s.gate.MaxRedirects++ }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newPictureSite(t, "/a")
			address := "/a"
			if tt.refused == gate.AddressRefused {
				s.gate.Respect = nil // else robots.txt, which cannot be had either, decides
				address = strings.Replace(s.server.URL, "127.0.0.1", "127.0.0.2", 1) + "/a"
				s.pairs(dayZero, address)
			}
			tt.before(s)
			s.run()
			if got := s.statuses()[address]; got != tt.refused {
				t.Fatalf("at first its status is %q, want %q", got, tt.refused)
			}
			for range 2 {
				if why, asked := s.due(), s.run(); why != "" || len(asked) > 0 {
					t.Errorf("nothing changed, and it is due: %q, and asked for %v", why, asked)
				}
			}
			gateBefore := s.gate
			tt.unrelated(s)
			if why, asked := s.due(), s.run(); why != "" || len(asked) > 0 {
				t.Errorf("another setting changed, and it is due: %q, and asked for %v", why, asked)
			}
			s.gate = gateBefore
			tt.after(s)
			if why := s.due(); why != "1 pictures are due" {
				t.Errorf("the setting changed, and it is due: %q", why)
			}
			s.run()
			if got := s.statuses()[address]; got != tt.status {
				t.Errorf("then its status is %q, want %q", got, tt.status)
			}
		})
	}
}

// Pictures of other settings stay until those of today are there.
func TestChangedSettingsReplaceInPlace(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	paths := []string{"/1", "/2", "/3", "/4", "/5", "/6", "/7"}
	s := newPictureSite(t, paths...)
	s.run()
	s.options.ImageSize = 32
	s.set("/2", file{status: 503})
	stops := 0
	for n := 1; ; n += 2 { // stopped at ever later requests
		ctx, cancel := context.WithCancelCause(t.Context())
		s.ctx, s.before = ctx, func(_ string, asked int) {
			if asked == n {
				cancel(errors.New("stopped"))
			}
		}
		_, err := s.try()
		s.asked = nil
		if err == nil {
			break
		}
		if stops++; stops > 20 {
			t.Fatal("it does not come to an end")
		}
		found := map[string]bool{}
		folder := s.dir + "/" + shard.ImagesFolder
		stored, err := storedPictures(folder, shard.Origin{Stage: FetchName, Settings: "any"})
		if err != nil {
			t.Fatal(err)
		}
		for i, err := range shard.Rows[shard.Image](folder, partsOf(stored)) {
			if err != nil {
				t.Fatal(err)
			}
			found[strings.TrimPrefix(strings.Clone(i.ImageURL), s.server.URL)] = len(i.Bytes) > 0
		}
		for _, path := range paths {
			if !found[path] {
				t.Errorf("stopped at request %d: %s is gone", n, path)
			}
		}
	}
	s.ctx, s.before = t.Context(), nil
	if stops < 2 {
		t.Errorf("it was stopped %d times", stops)
	}
	if s.older != 1 {
		t.Errorf("told of %d pictures of other settings, want 1", s.older)
	}
	if s.run(); s.older != 1 {
		t.Errorf("told of %d of them in the next run, want 1", s.older)
	}
	for path, i := range s.rows() {
		short := int32(32)
		if path == "/2" { // it could not be had: the old copy is better than none
			short = 64
		}
		if min(i.Width, i.Height) != short {
			t.Errorf("%s is %d x %d", path, i.Width, i.Height)
		}
	}
	s.now = s.now.Add(2 * time.Hour)
	s.set("/2", file{colour: 10, tag: `"1"`})
	if asked := s.run(); !slices.Equal(asked, []string{"/2"}) {
		t.Errorf("when it can be had, asked for %v", asked)
	}
	if i := s.rows()["/2"]; min(i.Width, i.Height) != 32 || s.older != 0 {
		t.Errorf("when it could be had, it is %d x %d", i.Width, i.Height)
	}
}

// changes are what a second run finds: new, replaced, withdrawn, failing pictures.
func (s *pictureSite) changes() {
	s.now = s.now.Add(31 * aDay)
	s.set("/2", file{colour: 250, tag: `"new"`})
	s.set("/5", file{status: 404})
	s.set("/6", file{status: 503})
	s.set("/8", file{colour: 180})
	s.set("/9", file{colour: 190})
	s.pairs(dayZero, "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9", "/none")
}

var sevenPaths = []string{"/1", "/2", "/3", "/4", "/5", "/6", "/7"}

// A run that is stopped keeps what it has: no picture is asked for twice but those
// that were on their way, and the end is that of an unbroken run.
func TestStoppedAndRunAgain(t *testing.T) {
	site := newPictureSite(t, sevenPaths...) // one server: pictures are known by their addresses
	site.options.Workers = 1
	site.run()
	site.changes()
	site.run()
	want := site.disk()
	for _, n := range []int{2, 3, 5, 8} { // at each first request there would be no end of it
		s := site
		s.dir, s.now, s.files = t.TempDir(), dayZero, map[string]file{}
		for i, path := range sevenPaths {
			s.files[path] = newFile(i)
		}
		s.pairs(dayZero, sevenPaths...)
		stopped, total := 0, 0
		run := func() {
			for {
				ctx, cancel := context.WithCancelCause(t.Context())
				stop := errors.New("terminated")
				s.ctx, s.asked = ctx, nil
				s.before = func(_ string, asked int) {
					if total++; asked == n {
						cancel(stop)
					}
				}
				_, err := s.try()
				if err == nil {
					cancel(nil)
					return
				}
				var e *StoppedError
				if !errors.As(err, &e) || e.Cause != stop || !strings.Contains(err.Error(), "pictures are kept; run again to go on") || strings.Contains(err.Error(), "context") {
					t.Fatalf("stopped at request %d: %v", n, err)
				}
				if stopped++; stopped > 40 {
					t.Fatalf("stopped at request %d each time, it does not come to its end", n)
				}
			}
		}
		run()
		first := stopped
		s.changes()
		run()
		if got := s.disk(); !maps.Equal(got, want) {
			t.Fatalf("stopped at request %d each time: files %v differ from %v", n, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		if limit := 17 + stopped; total > limit {
			t.Errorf("stopped at request %d each time: %d requests for 17 outcomes and %d stops", n, total, stopped)
		}
		if first == 0 && n < 8 || stopped == first {
			t.Errorf("at request %d %d of the first runs were stopped, and %d of the second", n, first, stopped-first)
		}
	}
	site.ctx, site.before = t.Context(), nil
}

func newFile(i int) file { return file{colour: uint8(10 * i), tag: `"` + string(rune('0'+i)) + `"`} }

// killed is what the writer of files is stopped with below.
type killed struct{}

// A run that ends at any moment at which the folder is another is made good by the
// next one.
func TestBrokenOffAtAnyMomentOfARevisit(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	site := newPictureSite(t, sevenPaths...)
	site.run()
	first := site.dir
	site.dir = t.TempDir()
	if err := os.CopyFS(site.dir, os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	site.changes()
	site.run()
	want := site.disk()
	defer func() { atomicfile.Reached = nil }()
	step := 1
	if testing.Short() {
		step = 7
	}
	for n := 1; ; n += step {
		s := site
		s.dir, s.now, s.files = t.TempDir(), dayZero, map[string]file{}
		for i, path := range sevenPaths {
			s.files[path] = newFile(i)
		}
		if err := os.CopyFS(s.dir, os.DirFS(first)); err != nil {
			t.Fatal(err)
		}
		s.changes()
		moments := 0
		atomicfile.Reached = func(string) {
			if moments++; moments == n {
				panic(killed{})
			}
		}
		broken := func() (broken bool) {
			defer func() {
				if r := recover(); r != nil {
					if _, ok := r.(killed); !ok {
						panic(r)
					}
					broken = true
				}
			}()
			s.run()
			return false
		}()
		atomicfile.Reached = nil
		s.run()
		if got := s.disk(); !maps.Equal(got, want) {
			t.Fatalf("broken off at moment %d: files %v differ from %v", n, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
		if !broken {
			if n < 10 {
				t.Errorf("there were only %d moments", n)
			}
			return
		}
	}
}

// What is in hand is saved now and then: a kill costs no more than since.
func TestWhatIsInHandIsSaved(t *testing.T) {
	if testing.Short() {
		t.Skip("other tests run its goroutines")
	}
	s := newPictureSite(t, sevenPaths...)
	s.options.PartPictures, s.options.SaveEvery, s.options.Workers = 100, 30*time.Second, 1
	var seconds atomic.Int64
	stage := s.stage()
	stage.Now = func() time.Time { return dayZero.Add(time.Duration(seconds.Load()) * time.Second) }
	left := map[string]string{}
	atomicfile.Reached = func(path string) {
		if strings.Contains(path, "/"+handName(1)) && len(left) == 0 { // a second time, and a kill here leaves the first
			left = s.disk()
		}
	}
	_, err := stage.Run(s.ctx, func(int64, int64) { seconds.Add(10) }) // at each answer
	atomicfile.Reached = nil
	if err != nil || left[handName(0)] == "" {
		t.Fatalf("%v; it was not saved twice: %v", err, slices.Sorted(maps.Keys(left)))
	}
	s.dir, s.now = t.TempDir(), dayZero.Add(time.Hour)
	s.pairs(dayZero, sevenPaths...)
	for name, data := range left {
		if err := atomicfile.WriteFile(s.dir+"/"+shard.ImagesFolder+"/"+name, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	s.asked = nil
	if asked := s.run(); len(asked) != 4 {
		t.Errorf("after the kill asked for %v; three were saved", asked)
	}
	if files := s.disk(); len(files) != 3 || len(s.rows()) != 7 { // a part, the manifest, the calendar
		t.Errorf("then there are %v", slices.Sorted(maps.Keys(files)))
	}
}

// A part that was lost is fetched anew under its own name.
func TestALostPartIsReplaced(t *testing.T) {
	s := newPictureSite(t, sevenPaths...)
	s.run()
	want := s.disk()
	if err := unlink(s.dir+"/"+shard.ImagesFolder, "part-00001.arrow"); err != nil {
		t.Fatal(err)
	}
	if asked := s.run(); len(asked) != 3 || !maps.Equal(s.disk(), want) {
		t.Errorf("asked for %v; files %v", asked, slices.Sorted(maps.Keys(s.disk())))
	}
}

func TestSettle(t *testing.T) {
	stored := shard.Image{ImageID: 1, PictureHash: 7, ETag: "e", FetchTime: 10}
	missing := shard.Image{ImageID: 1, Status: "http_404", FetchTime: 10}
	down := shard.Image{ImageID: 1, Status: gate.Timeout, Tries: 2, FetchTime: 10}
	for _, tt := range []struct {
		name        string
		old, answer shard.Image
		foreign     bool
		replaced    bool
		tries       int32
		etag        string
	}{
		{"it holds", stored, shard.Image{HTTPStatus: http.StatusNotModified}, false, false, 0, "e"},
		{"it holds under a new tag", stored, shard.Image{HTTPStatus: http.StatusNotModified, ETag: "f"}, false, false, 0, "f"},
		{"the same bytes", stored, shard.Image{PictureHash: 7, ETag: "f"}, false, false, 0, "f"},
		{"the same bytes, stored by other settings", stored, shard.Image{PictureHash: 7, ETag: "f"}, true, true, 0, "f"},
		{"the same bytes, with a wish", stored, shard.Image{PictureHash: 7, OptOut: "noai"}, false, true, 0, ""},
		{"the certificate ran out", stored, shard.Image{Status: gate.TLS}, false, false, 1, "e"},
		{"the certificate of what was missing ran out", missing, shard.Image{Status: gate.TLS}, false, true, 0, ""},
		{"not heard, stored by other settings", stored, shard.Image{Status: gate.Timeout}, true, false, 1, "e"},
		{"still missing", missing, shard.Image{Status: "http_404"}, false, false, 0, ""},
		{"gone for good", missing, shard.Image{Status: "http_410"}, false, true, 0, ""},
		{"missing, and not heard", missing, shard.Image{Status: gate.Timeout}, false, false, 1, ""},
		{"not heard again, in another way", down, shard.Image{Status: gate.DNS}, false, false, 3, ""},
		{"found", missing, shard.Image{PictureHash: 3}, false, true, 0, ""},
		{"our decoder died of the same bytes", stored, shard.Image{Status: "picture_decoder_died", PictureHash: 7}, false, false, 1, "e"},
		{"our decoder died of other bytes", stored, shard.Image{Status: "picture_decoder_died", PictureHash: 8}, false, true, 0, ""},
	} {
		tt.answer.FetchTime = 20
		row, replaced := settle(&tt.old, &tt.answer, tt.foreign)
		if replaced != tt.replaced || row.Tries != tt.tries || row.ETag != tt.etag || row.FetchTime != 20 || !replaced && row.Status != tt.old.Status {
			t.Errorf("%s: replaced %v, row %+v", tt.name, replaced, row)
		}
	}
}

// TestADamagedCalendarIsMadeAnew: the next run does not stop at it, asks for nothing that
// is not due, and leaves it as it was.
func TestADamagedCalendarIsMadeAnew(t *testing.T) {
	s := newPictureSite(t, "/a/x", "/a/y")
	s.run()
	before := s.disk()
	for _, harm := range []func(string) error{os.Remove, func(path string) error { return os.Truncate(path, 20) }} {
		if err := harm(filepath.Join(s.dir, shard.ImagesFolder, calendarName)); err != nil {
			t.Fatal(err)
		}
		if why := s.due(); why != "it is not known which pictures are due" {
			t.Errorf("it is due: %q", why)
		}
		if got := s.run(); len(got) > 0 {
			t.Errorf("asked for %v", got)
		}
		if why := s.due(); why != "" || !maps.Equal(s.disk(), before) {
			t.Errorf("after the run it is due (%q), or the folder differs", why)
		}
	}
}
