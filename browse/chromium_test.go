package browse

import (
	"context"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A tab is a page in a headless Chromium.
type tab struct {
	*testing.T
	ctx  context.Context
	done []string // what was done, for messages

	mu    sync.Mutex
	asked []string // addresses that the page asked for, anybody's
	bad   []string // what the policy stopped, and scripts that fell
}

// openTab starts Chromium, and skips the test where there is none. Where changes are
// held back until tests pass it is installed, and PAIRLOOM_CHROMIUM=required makes its
// lack a fault.
func openTab(t *testing.T) *tab {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		const lack = "there is no chromium to try the page in; install the package chromium"
		if os.Getenv("PAIRLOOM_CHROMIUM") == "required" {
			t.Fatal(lack)
		}
		t.Skip(lack)
	}
	// Who runs as root, as in a container, has no sandbox to give; the pages are ours.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	b := &tab{T: t, ctx: ctx}
	b.do("start", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return err
	}))
	err := chromedp.Listen(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if e, ok := event.(*network.EventRequestWillBeSent); ok {
			b.asked = append(b.asked, e.Request.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	console := chromedp.Console(ctx)
	go func() { // until the tab is closed
		for m, err := range console {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.bad = append(b.bad, m.Text)
			b.mu.Unlock()
		}
	}()
	return b
}

// do runs actions.
func (b *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	b.done = append(b.done, what)
	ctx, stop := context.WithTimeout(b.ctx, 2*time.Minute)
	if len(b.done) == 1 { // whose context is the browser's
		ctx, stop = b.ctx, func() {}
	}
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.Fatalf("%v: %v", b.done, err)
	}
}

// arrive does what leads to another page, and waits until it is there.
func (b *tab) arrive(what string, action chromedp.Action[chromedp.Void]) {
	b.Helper()
	b.do(what, func(ctx context.Context, t *chromedp.Target) (v chromedp.Void, err error) {
		_, err = chromedp.WaitEvent(page.LoadEventFired, nil, action)(ctx, t)
		return v, err
	})
}

// open goes to an address.
func (b *tab) open(address string) {
	b.Helper()
	b.do("open "+address, chromedp.Navigate(address))
}

// until waits for a condition in the page's script.
func (b *tab) until(condition string) {
	b.Helper()
	b.do("until "+condition, func(ctx context.Context, t *chromedp.Target) (v chromedp.Void, err error) {
		_, err = chromedp.Poll[bool](condition)(ctx, t)
		return v, err
	})
}

// is compares what an expression gives in the page.
func (b *tab) is(expression, want string) {
	b.Helper()
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil || got != want {
		b.Fatalf("after %v, %s is %q, %v; want %q", b.done, expression, got, err, want)
	}
}

const (
	focused = `document.activeElement.dataset.pair ?? document.activeElement.id`
	opened  = `document.querySelector("#pair").dataset.pair`
	cells   = `document.querySelectorAll(".cell").length`
)

// served browses a dataset on a listener of its own, and returns the page's address.
func served(t *testing.T, dir string, change func(*Options)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serverOf(t, dir, func(o *Options) {
		o.Address = l.Addr().String()
		change(o)
	})
	h := httptest.NewUnstartedServer(s)
	h.Listener.Close()
	h.Listener = l
	h.Start()
	t.Cleanup(h.Close)
	return h.URL
}

// TestInChromium goes through a dataset as people do, by keys: it searches, opens a
// pair, goes on to the next, refuses pictures; on a small screen, and in the dark.
func TestInChromium(t *testing.T) {
	b := openTab(t)
	f := foxes()
	dir := filepath.Join(t.TempDir(), "foxes")
	writeDataset(t, dir, f)
	refused := make(chan string, 9)
	url := served(t, dir, func(o *Options) {
		o.Refuse = func(_ context.Context, r Refusal) error { refused <- r.ImageURL; return nil }
	})
	b.open(url)
	b.is(cells, "5")
	b.until(`[...document.images].every(i => i.complete && i.naturalWidth === 24)`)

	// As a keyboard sends it: chromedp's own event lets the character through even where
	// the page takes the key.
	b.do("/", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Text: "/"})
		return err
	}))
	b.is(focused, "q")
	b.do("write", chromedp.KeyEvent("fox -red"))
	b.arrive("Enter", chromedp.KeyEvent(kb.Enter))
	b.is(`document.querySelector("#q").value`, "fox -red")
	b.is(cells, "2")

	b.do("→", chromedp.KeyEvent(kb.ArrowRight))
	b.is(focused, f[2].id())
	b.do("→", chromedp.KeyEvent(kb.ArrowRight))
	b.is(focused, f[4].id())
	b.do("→ past the end", chromedp.KeyEvent(kb.ArrowRight))
	b.is(focused, f[4].id())
	b.arrive("Enter", chromedp.KeyEvent(kb.Enter))
	b.is(opened, f[4].id())
	b.is(`document.querySelector("h1").textContent`, hostile)
	b.until(`document.querySelector("#way").textContent.includes("shards/shard-00001.arrow, row 0")`)
	b.arrive("← to the pair before", chromedp.KeyEvent(kb.ArrowLeft))
	b.is(opened, f[2].id())

	b.do("x", chromedp.KeyEvent("x"), chromedp.WaitVisible(chromedp.CSS(".sheet.refused")), chromedp.WaitVisible(chromedp.CSS("#told.on")))
	b.do("x again", chromedp.KeyEvent("x"))
	b.arrive("Esc to the grid", chromedp.KeyEvent(kb.Escape))
	b.is(focused, f[2].id()) // where one was
	b.do("→", chromedp.KeyEvent(kb.ArrowRight))
	b.do("x in the grid", chromedp.KeyEvent("x"))
	b.until(`document.querySelectorAll(".cell.refused").length === 2`)
	b.open(url + "/pair/" + f[8].id())
	b.do("the button", chromedp.Click(chromedp.CSS("button.refuse")), chromedp.WaitVisible(chromedp.CSS(".sheet.refused")))
	close(refused)
	var got []string
	for address := range refused {
		got = append(got, address)
	}
	if want := []string{f[2].image, f[4].image, f[8].image}; !slices.Equal(got, want) {
		t.Errorf("refused %q, want %q, each once", got, want)
	}

	b.do("?", chromedp.KeyEvent("?"), chromedp.WaitVisible(chromedp.CSS("#keys")))
	b.do("Esc closes it", chromedp.KeyEvent(kb.Escape), chromedp.WaitNotVisible(chromedp.CSS("#keys")))

	b.do("390 pixels", chromedp.EmulateViewport(390, 844))
	for _, path := range []string{"/", "/?q=is:dropped", "/?q=nothing+like+it", "/dropped", "/alike", "/queries", "/hosts", "/pair/" + f[6].id()} {
		b.open(url + path)
		b.is(`document.documentElement.scrollWidth`, "390")
	}
	for scheme, ground := range map[string]string{"light": "rgb(246, 246, 243)", "dark": "rgb(20, 23, 26)"} {
		b.do(scheme, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			return err
		}))
		b.is(`getComputedStyle(document.body).backgroundColor`, ground)
	}

	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.asked) < 20 {
		t.Errorf("the browser was seen to ask for %q: the test does not see all", b.asked)
	}
	for _, address := range b.asked {
		if !strings.HasPrefix(address, url+"/") {
			t.Errorf("the page asked for %s", address)
		}
	}
	for _, line := range b.bad {
		t.Errorf("the page's console says %s", line)
	}
}
