package portal

// AlarmRecipients are whom an account's alarms are mailed to. When the built-in
// account "system" has none, those who run the gateway are written to.
type AlarmRecipients struct {
	Recipients []AlarmRecipient `json:"recipients" maxItems:"10"`
}

// AlarmRecipient is one of them.
type AlarmRecipient struct {
	Address  string `json:"address"`
	Language string `json:"language,omitempty" enum:"sv,en" default:"en"`
}
