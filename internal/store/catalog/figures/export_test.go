package figures

// Indexes are the queries that must not go over all files, and the index that
// answers each.
var Indexes = map[string]string{
	dayOfAccount: "file_account",
	dayOfAll:     "INTEGER PRIMARY KEY",
	standing:     "file_state",
}
