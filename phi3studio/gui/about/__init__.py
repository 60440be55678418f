"""What this program is: version, build, licences, the newest release."""
