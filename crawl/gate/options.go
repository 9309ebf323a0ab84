package gate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pairloom/pairloom/crawl/optout"
)

// Options say how pairloom behaves towards other people's servers. They are
// the section gate of pairloom.yaml.
type Options struct {
	Contact            string        `yaml:"contact" default:"" pace:"true" doc:"who answers for this crawl: mailto:you@example.org or an https page; sent with each request, required"`
	UserAgent          string        `yaml:"user_agent" default:"pairloom" doc:"product token, as robots.txt files name it: letters, - and _"`
	AllowAddresses     []string      `yaml:"allow_addresses" default:"" doc:"addresses that would be refused: IP or CIDR (any port), or IP:port; such as 127.0.0.1:8080"`
	Respect            []string      `yaml:"respect" default:"robots,noindex,noimageindex,noai,noimageai,unavailable_after,tdm-reservation,content-usage,content-signal,ai.txt" doc:"which wishes of sites are obeyed; the others are still recorded"`
	Policies           bool          `yaml:"policies" default:"true" doc:"ask each site for /.well-known/tdmrep.json and, before its pictures, /ai.txt"`
	Delay              time.Duration `yaml:"delay" default:"1s" range:"0s..1h" pace:"true" doc:"least time between two requests to one host"`
	MaxDelay           time.Duration `yaml:"max_delay" default:"60s" range:"0s..1h" pace:"true" doc:"longest Crawl-delay or Retry-After that is waited for"`
	LatencyFactor      float64       `yaml:"latency_factor" default:"5" range:"0..1000" pace:"true" doc:"wait at least this many times the host's last response time"`
	ConnectionsPerHost int           `yaml:"connections_per_host" default:"1" range:"1..16" pace:"true" doc:"requests at one time to one host"`
	DialTimeout        time.Duration `yaml:"dial_timeout" default:"10s" range:"1ms..10m" pace:"true" doc:"for a connection, TLS included"`
	HeaderTimeout      time.Duration `yaml:"header_timeout" default:"20s" range:"1ms..10m" pace:"true" doc:"from the request to the response's headers"`
	TotalTimeout       time.Duration `yaml:"total_timeout" default:"60s" range:"1ms..1h" pace:"true" doc:"for one request from dialing to the last byte"`
	MaxRedirects       int           `yaml:"max_redirects" default:"5" range:"0..20" doc:"redirects followed in a row"`
	MaxPageBytes       int64         `yaml:"max_page_bytes" default:"5242880" range:"1.." doc:"decoded bytes read of a page; the rest is cut off"`
	MaxPictureBytes    int64         `yaml:"max_picture_bytes" default:"20971520" range:"1.." doc:"a picture with more bytes is dropped"`
	RobotsMaxBytes     int64         `yaml:"robots_max_bytes" default:"512000" range:"1.." doc:"decoded bytes read of a robots.txt"`
	RobotsTTL          time.Duration `yaml:"robots_ttl" default:"24h" range:"1s..720h" pace:"true" doc:"how long a robots.txt, tdmrep.json or ai.txt is trusted"`
	Retries            int           `yaml:"retries" default:"2" range:"0..10" doc:"more tries after 429, 5xx or a broken connection"`

	Clock Clock `yaml:"-"` // the machine's when nil
}

// Validate reports every fault that a field's range cannot.
func (o Options) Validate() error {
	var faults []error
	if strings.TrimSpace(o.Contact) == "" {
		faults = append(faults, errors.New("gate.contact is empty: say who answers for this crawl, such as mailto:you@example.org; site owners see it in each request"))
	} else if strings.ContainsAny(o.Contact, "\r\n\x00()") {
		faults = append(faults, fmt.Errorf("gate.contact %q must be one line without parentheses", o.Contact))
	} else if !strings.HasPrefix(o.Contact, "mailto:") && !strings.HasPrefix(o.Contact, "https://") && !strings.HasPrefix(o.Contact, "http://") {
		faults = append(faults, fmt.Errorf("gate.contact %q must start with mailto:, https:// or http://", o.Contact))
	}
	if o.UserAgent == "" || optout.ProductToken(o.UserAgent) != o.UserAgent {
		faults = append(faults, fmt.Errorf("gate.user_agent %q must be a product token of letters, - and _", o.UserAgent))
	}
	for _, r := range o.Respect {
		if !slices.Contains(Wishes(), r) {
			faults = append(faults, fmt.Errorf("gate.respect names %q: use %s", r, strings.Join(Wishes(), ", ")))
		}
	}
	if _, err := parseAllowed(o.AllowAddresses); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}
