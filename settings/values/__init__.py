"""What a setting's value is: checked, sealed, stored, and merged from the layers that may have one."""
