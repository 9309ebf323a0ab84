package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"syscall"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/pairloom/pairloom/crawl/optout"
)

// Kind says what a request is for.
type Kind int

// The kinds of requests. A request without one is for a page.
const (
	Page    Kind = iota // a feed too
	Picture             // longer than its cap is an error
	Robots              // robots.txt itself: asked for without asking robots.txt
	Policy              // tdmrep.json or ai.txt
	Sitemap             // longer than its cap is an error
	Archive             // a file that may be long: bytes as they are stored, without cap or whole time
)

// SitemapMaxBytes is the cap on a sitemap, of the protocol's own.
const SitemapMaxBytes = 50 << 20

// limit is the cap on decoded bytes; a body that is cut ends there quietly.
func (g *Gate) limit(k Kind) (most int64, cut bool) {
	switch k {
	case Picture:
		return g.opts.MaxPictureBytes, false
	case Robots: // one byte more tells that there is more
		return g.opts.RobotsMaxBytes + 1, true
	case Policy:
		return policyMaxBytes + 1, true
	case Sitemap:
		return SitemapMaxBytes, false
	case Archive:
		return math.MaxInt64, true
	}
	return g.opts.MaxPageBytes, true
}

type kindKey struct{}

type turnKey struct{}

// WithTurn makes the requests of ctx wait for their host's turn no longer than turn
// lasts, with the error of its end: what has been sent by then goes on until ctx ends.
func WithTurn(ctx, turn context.Context) context.Context {
	return context.WithValue(ctx, turnKey{}, turn)
}

// WithKind marks the requests made with ctx.
func WithKind(ctx context.Context, k Kind) context.Context {
	return context.WithValue(ctx, kindKey{}, k)
}

// Gate is the door. Create it with New, and Close it.
type Gate struct {
	opts      Options
	userAgent string
	transport *http.Transport // the first one of road
	road      *road
	names     *resolver
	pace      *pacer
	clock     Clock
	robots    *rulebook
	tdmrep    *policies[optout.Reservations]
	aitxt     *policies[optout.MediaRules]
	keep      func(File) // may be nil
	refuse    func(address string) (rule string, refused bool)
}

// File is an answer to a request for a file that the gate asks for by itself:
// robots.txt, tdmrep.json or ai.txt.
type File struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   []byte // decoded
	Cut    bool   // Body is not all
}

// Keep has f called with each such answer from now on; nil ends it. No request may be
// under way. f is called by several goroutines.
func (g *Gate) Keep(f func(File)) { g.keep = f }

// Refuse has f asked before each request from now on, by its address, also of those that
// redirects lead to and of robots.txt: what it refuses is not asked for ([Refused]). No
// request may be under way. f is called by several goroutines.
func (g *Gate) Refuse(f func(address string) (rule string, refused bool)) { g.refuse = f }

// New builds a gate; version is pairloom's, sent in the User-Agent.
func New(opts Options, version string) (*Gate, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	allowed, err := parseAllowed(opts.AllowAddresses)
	if err != nil {
		return nil, err
	}
	g := &Gate{
		opts:      opts,
		userAgent: fmt.Sprintf("%s/%s (+%s)", opts.UserAgent, version, opts.Contact),
		clock:     opts.Clock,
	}
	if g.clock == nil {
		g.clock = machineClock{}
	}
	g.pace = newPacer(opts.ConnectionsPerHost, g.clock)
	g.names = newResolver(g.clock, opts.DialTimeout)
	dialer := &dialer{net.Dialer{Timeout: opts.DialTimeout, Control: guard{allowed, specialAddresses()}.control}, g.names}
	g.transport = &http.Transport{
		Proxy:                  nil, // a proxy would hide the address from the guard
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    opts.DialTimeout,
		ResponseHeaderTimeout:  opts.HeaderTimeout,
		MaxIdleConnsPerHost:    max(1, opts.ConnectionsPerHost),
		MaxIdleConns:           idleConnections(),
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		// A connection of HTTP/2 that has died is else found out by each request's timeout.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	g.road = newRoad(g.transport)
	g.robots = newRulebook(opts.UserAgent, opts.RobotsTTL, opts.RobotsMaxBytes, g.clock, g.fetch(Robots))
	g.tdmrep = newPolicies(optout.TDMRepPath, optout.ParseTDMRep, opts.RobotsTTL, g.clock, g.fetch(Policy))
	g.aitxt = newPolicies(optout.AITxtPath, func(file []byte) optout.MediaRules { return optout.ParseAITxt(file, opts.UserAgent) }, opts.RobotsTTL, g.clock, g.fetch(Policy))
	return g, nil
}

// idleConnections is how many are kept open for the next request to their hosts:
// a crawl of many goes round all of them between two requests to one. A quarter
// of the files that may be open leaves room for the rest.
func idleConnections() int {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return 256
	}
	return int(min(4096, max(16, files.Cur/4)))
}

// Close drops idle connections and ends lookups of names. Requests under way go on.
func (g *Gate) Close() {
	g.road.close()
	g.names.close()
}

// Clock is what the gate goes by; the machine's where there is no gate.
func (g *Gate) Clock() Clock {
	if g == nil {
		return machineClock{}
	}
	return g.clock
}

// UserAgent is the header that each request carries.
func (g *Gate) UserAgent() string { return g.userAgent }

// Token is the product token that robots.txt files may name.
func (g *Gate) Token() string { return g.opts.UserAgent }

// MaxPageBytes is the length at which a page is cut off.
func (g *Gate) MaxPageBytes() int64 { return g.opts.MaxPageBytes }

// MaxRedirects is the number of redirects followed in a row.
func (g *Gate) MaxRedirects() int { return g.opts.MaxRedirects }

// ConnectionsPerHost is the number of requests at one time to one host.
func (g *Gate) ConnectionsPerHost() int { return max(1, g.opts.ConnectionsPerHost) }

// Wait is how long a request for u would wait for its host's turn, so that a
// caller with other hosts to ask can ask those first.
func (g *Gate) Wait(u *url.URL) time.Duration { return g.pace.wait(hostKey(u)) }

// Do sends req and follows redirects, each hop through the gate. Cookies live
// within this chain of redirects and no longer: many sites set one and send the
// client back to where it came from, to see whether it returns.
func (g *Gate) Do(req *http.Request) (*http.Response, error) {
	jar := NewCookies()
	client := http.Client{Transport: g, Jar: jar, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		return g.checkRedirect(next, via, jar)
	}}
	return client.Do(req)
}

// NewCookies is an empty jar for one chain of redirects.
func NewCookies() *cookiejar.Jar {
	// New has no error to give for options such as these.
	jar, _ := cookiejar.New(&cookiejar.Options{PublicSuffixList: publicsuffix.List})
	return jar
}

// CookieLine is the Cookie header that jar has for u, "" for none.
func CookieLine(jar http.CookieJar, u *url.URL) string {
	r := http.Request{Header: http.Header{}}
	for _, c := range jar.Cookies(u) {
		r.AddCookie(c)
	}
	return r.Header.Get("Cookie")
}

// checkRedirect refuses loops and long chains. A place asked for before with
// other cookies is no loop.
func (g *Gate) checkRedirect(req *http.Request, via []*http.Request, jar http.CookieJar) error {
	req.Header.Del("Referer")
	target, cookies := req.URL.String(), CookieLine(jar, req.URL)
	for _, v := range via {
		if v.URL.String() == target && v.Header.Get("Cookie") == cookies {
			return &Refusal{URL: target, Reason: RedirectLoop, Rule: fmt.Sprintf("seen before, %d redirects ago", len(via))}
		}
	}
	if len(via) > g.opts.MaxRedirects {
		return &Refusal{URL: target, Reason: TooManyRedirects, Rule: fmt.Sprintf("more than gate.max_redirects = %d", g.opts.MaxRedirects)}
	}
	return nil
}

// RoundTrip implements http.RoundTripper. Only GET and HEAD pass.
func (g *Gate) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead && req.Method != "" {
		return nil, fmt.Errorf("request %s: method %s: the gate only reads", req.URL, req.Method)
	}
	ctx := req.Context()
	kind, _ := ctx.Value(kindKey{}).(Kind)
	if err := checkURL(req.URL); err != nil {
		return nil, err
	}
	asked := req
	req = withoutDots(req)
	if g.refuse != nil {
		if rule, refused := g.refuse(req.URL.String()); refused {
			return nil, &Refusal{URL: req.URL.String(), Reason: Refused, Rule: rule}
		}
	}
	host := hostKey(req.URL)
	var delay time.Duration
	var wishes siteWishes
	if kind != Robots {
		origin := req.URL.Scheme + "://" + host
		robots, err := g.rules(ctx, origin, req.URL)
		if err != nil {
			return nil, err
		}
		path := requestPath(req.URL)
		if ok, line := robots.Allowed(path); !ok && g.obeysRobots() {
			return nil, &Refusal{URL: req.URL.String(), Reason: RobotsDisallowed, Rule: line}
		}
		delay = min(robots.CrawlDelay(), g.opts.MaxDelay)
		wishes.robots = robots.Wishes(path)
		if err := g.refuseUnasked(kind, req.URL, wishes); err != nil {
			return nil, err
		}
		if err := g.readFiles(ctx, kind, origin, path, req.URL, &wishes); err != nil {
			return nil, err
		}
		if err := g.refuseUnasked(kind, req.URL, wishes); err != nil {
			return nil, err
		}
	}
	resp, err := g.send(ctx, req, kind, host, max(delay, g.opts.Delay))
	if err != nil {
		return nil, err
	}
	wishes.carry(resp.Header)
	resp.Request = asked
	return resp, nil
}

func (g *Gate) obeysRobots() bool { return slices.Contains(g.opts.Respect, RespectRobots) }

// rules are those of an origin; where robots.txt is not obeyed, one that cannot
// be reached has none.
func (g *Gate) rules(ctx context.Context, origin string, u *url.URL) (*RobotsRules, error) {
	robots, err := g.robots.rules(ctx, origin, u)
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Reason == RobotsUnreachable && !g.obeysRobots() {
		return &RobotsRules{}, nil
	}
	return robots, err
}

// Sitemaps are the addresses that the robots.txt of u's origin names as
// sitemaps, absolute, in order, each once, at most 1,000. They may lie on other
// hosts. The error is ctx's, or a *Refusal when nothing may be asked for.
func (g *Gate) Sitemaps(ctx context.Context, u *url.URL) ([]string, error) {
	if err := checkURL(u); err != nil {
		return nil, err
	}
	robots, err := g.rules(ctx, u.Scheme+"://"+hostKey(u), u)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, s := range robots.Sitemaps() {
		at, err := u.Parse("/robots.txt")
		if err == nil {
			at, err = at.Parse(s)
		}
		if err == nil && checkURL(at) == nil && !slices.Contains(list, at.String()) {
			list = append(list, at.String())
		}
	}
	return list, nil
}

// fetch asks for a file that the gate itself wants.
func (g *Gate) fetch(kind Kind) func(ctx context.Context, u *url.URL) (*http.Response, error) {
	return func(ctx context.Context, u *url.URL) (*http.Response, error) {
		req, err := http.NewRequestWithContext(WithKind(ctx, kind), http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, err
		}
		resp, err := g.RoundTrip(req)
		if err != nil || g.keep == nil {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		most, _ := g.limit(kind)
		g.keep(File{u, resp.StatusCode, resp.Header, body, err != nil || int64(len(body)) >= most})
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		return resp, nil
	}
}

// failing reads nothing, and ends with an error; without one as any end.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}
