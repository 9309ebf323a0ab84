package backend

// Card is what is known of a card before it is used.
type Card struct {
	Number     int    `json:"number"` // as cuda:N
	Name       string `json:"name"`
	Memory     int64  `json:"memory"` // bytes
	Free       int64  `json:"memory_free"`
	Capability string `json:"compute_capability"`
	BF16       bool   `json:"bf16"` // it multiplies them
	Fault      string `json:"fault,omitempty"`
	Cure       string `json:"cure,omitempty"`
}

// Library is one that is looked for when it is needed.
type Library struct {
	Name    string `json:"name"`
	For     string `json:"for"`
	Version string `json:"version,omitempty"` // "" where there is none
	Path    string `json:"path,omitempty"`
	Fault   string `json:"fault,omitempty"` // why there is none, and what to do
}
