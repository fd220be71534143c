"""What people see: the paper's targets, tables, pictures, and one generator of HTML reports."""
